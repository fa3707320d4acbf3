package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
)

var rates = map[string]float64{"EUR": 1, "JPY": 169.5, "USD": 1.08}

func main() {
	http.HandleFunc("/health", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprintln(response, "OK")
	})
	http.HandleFunc("/rates", func(response http.ResponseWriter, request *http.Request) {
		json.NewEncoder(response).Encode(rates)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
