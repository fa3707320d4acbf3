package main

import (
	_ "embed"
	"fmt"

	"example.org/greetings/hello/v2/internal/text"
)

//go:embed greeting.txt
var greeting string

func main() { fmt.Println(greeting, text.Text) }
