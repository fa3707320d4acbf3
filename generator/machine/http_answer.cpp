#include "machine/http_answer.hpp"

#include <algorithm>
#include <charconv>

#include "support/text.hpp"

namespace vmimage::machine {

namespace {

constexpr std::size_t kLongestHead = 65536;
constexpr std::string_view kProtocol = "HTTP/1.";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

/// Of "HTTP/1.1 200 OK"; 0: it is none.
int parse_status(std::string_view head) {
  constexpr std::size_t kAt = std::string_view("HTTP/1.1 ").size();
  int status = 0;
  if (!head.starts_with(kProtocol) || head.size() < kAt + 3 || head[kAt - 1] != ' ')
    return 0;
  const auto [end, error] = std::from_chars(head.data() + kAt, head.data() + kAt + 3, status);
  return error == std::errc() && end == head.data() + kAt + 3 && status >= 100 ? status : 0;
}

bool same_name(std::string_view a, std::string_view b) {
  return support::lower(std::string(a)) == support::lower(std::string(b));
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view()
                            : text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

/// Of the first field of this name.
std::string_view field(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon != line.npos && same_name(line.substr(0, colon), name))
      return trim(line.substr(colon + 1));
  }
  return {};
}

}  // namespace

HttpAnswer::Part HttpAnswer::add(std::string_view bytes) {
  if (status_)
    return count_body(bytes);
  head_ += bytes;
  const auto checked = std::min(head_.size(), kProtocol.size());
  if (head_.compare(0, checked, kProtocol, 0, checked) != 0)
    return Part::Nonsense;
  const auto end = head_.find(kHeadEnd);
  if (end == head_.npos)
    return head_.size() > kLongestHead ? Part::Nonsense : Part::Unfinished;
  const std::string all = std::move(head_);
  head_.clear();
  const std::string_view rest = std::string_view(all).substr(end + kHeadEnd.size());
  const auto part = read_head(std::string_view(all).substr(0, end));
  if (part != Part::Unfinished)
    return part;
  return status_ ? count_body(rest) : add(rest);
}

HttpAnswer::Part HttpAnswer::read_head(std::string_view head) {
  const int status = parse_status(head);
  if (status == 0)
    return Part::Nonsense;
  if (status < 200)
    return Part::Unfinished;  // the final one is still to come
  status_ = status;
  if (status == 204 || status == 304)
    return Part::Whole;
  if (same_name(field(head, "Transfer-Encoding"), "chunked")) {
    body_ = Body::Chunked;
    tail_ = "\r\n";
  } else if (const auto length = field(head, "Content-Length"); !length.empty()) {
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), left_);
    if (error != std::errc() || end != length.data() + length.size())
      return Part::Nonsense;
    body_ = Body::Counted;
  }
  return Part::Unfinished;
}

HttpAnswer::Part HttpAnswer::count_body(std::string_view bytes) {
  if (body_ == Body::Counted) {
    left_ -= std::min<std::uint64_t>(left_, bytes.size());
    return left_ == 0 ? Part::Whole : Part::Unfinished;
  }
  if (body_ == Body::Chunked) {
    tail_ += bytes;
    if (tail_.ends_with(kLastChunk))
      return Part::Whole;
    tail_.erase(0, tail_.size() - std::min(tail_.size(), kLastChunk.size()));
  }
  return Part::Unfinished;
}

}  // namespace vmimage::machine
