#pragma once
// The answer to an HTTP health check as it comes (RFC 9112), as much of it as a check has to know. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace vmimage::machine {

class HttpAnswer {
 public:
  enum class Part { Unfinished, Whole, Nonsense };

  /// Takes what has come. One that has no length of its own ends with its connection.
  Part add(std::string_view bytes);
  int status() const { return status_; }  ///< once its head has come; else 0

 private:
  Part read_head(std::string_view head);
  Part count_body(std::string_view bytes);

  enum class Body { ToTheEnd, Counted, Chunked };

  std::string head_;
  int status_ = 0;
  Body body_ = Body::ToTheEnd;
  std::uint64_t left_ = 0;  ///< of a counted body
  std::string tail_;        ///< of a chunked body
};

}  // namespace vmimage::machine
