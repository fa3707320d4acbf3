module example.org/greetings/hello/v2

go 1.19
