// A service that does what it should not: exits | answers-500 | never-answers.

#include <httplib.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  std::cout << "faulty: " << what << std::endl;
  if (what == "exits")
    return 3;
  httplib::Server server;
  server.Get("/healthz", [&](const httplib::Request&, httplib::Response& response) {
    while (what == "never-answers")
      std::this_thread::sleep_for(std::chrono::hours(1));
    response.status = 500;
  });
  return server.listen("0.0.0.0", 8080) ? 0 : 1;
}
