#pragma once
// JSON (RFC 8259) read where it is, for programs inside images: nothing is copied but the strings that are
// asked for.

#include "freestanding.hpp"

namespace freestanding::json {

/// A part of a text.
struct Text {
  const char* begin = nullptr;
  const char* end = nullptr;

  bool is(const char* word) const {
    const char* at = begin;
    while (at != end && *word && *at == *word)
      ++at, ++word;
    return at == end && *word == 0;
  }
};

namespace detail {

constexpr int kDeepest = 32;

inline const char* skip_space(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
    ++at;
  return at;
}

inline int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// Four hexadecimal digits; negative: they are none.
inline long code_unit(const char* at, const char* end) {
  long value = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    const int digit = at < end ? hex_digit(*at) : -1;
    if (digit < 0)
      return -1;
    value = value << 4 | digit;
  }
  return value;
}

/// Behind a string, a number, a word, …; nullptr: it is none.
inline const char* skip_string(const char* at, const char* end) {
  if (at == end || *at++ != '"')
    return nullptr;
  for (; at != end && *at != '"'; ++at) {
    if (static_cast<Byte>(*at) < 0x20)
      return nullptr;
    if (*at != '\\')
      continue;
    if (++at == end)
      return nullptr;
    if (*at == 'u') {
      if (code_unit(at + 1, end) < 0)
        return nullptr;
      at += 4;
    } else if (!(*at == '"' || *at == '\\' || *at == '/' || *at == 'b' || *at == 'f' || *at == 'n' ||
                 *at == 'r' || *at == 't')) {
      return nullptr;
    }
  }
  return at == end ? nullptr : at + 1;
}

inline const char* skip_digits(const char* at, const char* end) {
  const char* begin = at;
  while (at != end && *at >= '0' && *at <= '9')
    ++at;
  return at == begin ? nullptr : at;
}

inline const char* skip_number(const char* at, const char* end) {
  if (at != end && *at == '-')
    ++at;
  const bool zero = at != end && *at == '0';
  at = zero ? at + 1 : skip_digits(at, end);
  if (at && at != end && *at == '.')
    at = skip_digits(at + 1, end);
  if (at && at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-'))
      ++at;
    at = skip_digits(at, end);
  }
  return at;
}

inline const char* skip_word(const char* at, const char* end, const char* word) {
  for (; *word; ++at, ++word)
    if (at == end || *at != *word)
      return nullptr;
  return at;
}

const char* skip_value(const char* at, const char* end, int depth);

/// An object (with keys) or an array, from its bracket on.
inline const char* skip_members(const char* at, const char* end, int depth, char close) {
  at = skip_space(at + 1, end);
  if (at != end && *at == close)
    return at + 1;
  for (;;) {
    if (close == '}') {
      at = skip_string(skip_space(at, end), end);
      if (!at || (at = skip_space(at, end)) == end || *at++ != ':')
        return nullptr;
    }
    at = skip_value(at, end, depth + 1);
    if (!at || (at = skip_space(at, end)) == end)
      return nullptr;
    if (*at == close)
      return at + 1;
    if (*at++ != ',')
      return nullptr;
  }
}

inline const char* skip_value(const char* at, const char* end, int depth) {
  at = skip_space(at, end);
  if (at == end || depth > kDeepest)
    return nullptr;
  switch (*at) {
    case '{':
      return skip_members(at, end, depth, '}');
    case '[':
      return skip_members(at, end, depth, ']');
    case '"':
      return skip_string(at, end);
    case 't':
      return skip_word(at, end, "true");
    case 'f':
      return skip_word(at, end, "false");
    case 'n':
      return skip_word(at, end, "null");
    default:
      return skip_number(at, end);
  }
}

inline char* put_utf8(char* to, long c) {
  if (c < 0x80) {
    *to++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *to++ = static_cast<char>(0xc0 | c >> 6);
    *to++ = static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    *to++ = static_cast<char>(0xe0 | c >> 12);
    *to++ = static_cast<char>(0x80 | (c >> 6 & 63));
    *to++ = static_cast<char>(0x80 | (c & 63));
  } else {
    *to++ = static_cast<char>(0xf0 | c >> 18);
    *to++ = static_cast<char>(0x80 | (c >> 12 & 63));
    *to++ = static_cast<char>(0x80 | (c >> 6 & 63));
    *to++ = static_cast<char>(0x80 | (c & 63));
  }
  return to;
}

}  // namespace detail

/// The text is one object and nothing more. All else here is for such texts and their parts only.
inline bool is_object(Text text) {
  const char* at = detail::skip_space(text.begin, text.end);
  if (at == text.end || *at != '{')
    return false;
  at = detail::skip_value(at, text.end, 0);
  return at && detail::skip_space(at, text.end) == text.end;
}

/// The members of an object, one after the other; keys and strings with their quotes.
class Members {
 public:
  explicit Members(Text object) : end_(object.end) {
    at_ = detail::skip_space(detail::skip_space(object.begin, end_) + 1, end_);
  }

  bool next(Text& key, Text& value) {
    if (*at_ == '}')
      return false;
    key.begin = at_;
    key.end = detail::skip_string(at_, end_);
    value.begin = detail::skip_space(detail::skip_space(key.end, end_) + 1, end_);
    value.end = detail::skip_value(value.begin, end_, 0);
    at_ = detail::skip_space(value.end, end_);
    if (*at_ == ',')
      at_ = detail::skip_space(at_ + 1, end_);
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

inline bool is_string(Text value) {
  return *value.begin == '"';
}

/// What a string says, into `to`, which is as large as the string (UTF-8 is never longer than its escapes);
/// its end.
inline char* decode(Text string, char* to) {
  const char* const end = string.end - 1;
  for (const char* at = string.begin + 1; at != end; ++at) {
    if (*at != '\\') {
      *to++ = *at;
      continue;
    }
    switch (*++at) {
      case 'b':
        *to++ = '\b';
        break;
      case 'f':
        *to++ = '\f';
        break;
      case 'n':
        *to++ = '\n';
        break;
      case 'r':
        *to++ = '\r';
        break;
      case 't':
        *to++ = '\t';
        break;
      case 'u': {
        long c = detail::code_unit(at + 1, end);
        at += 4;
        const bool pair = c >= 0xd800 && c < 0xdc00 && end - at > 6 && at[1] == '\\' && at[2] == 'u';
        const long low = pair ? detail::code_unit(at + 3, end) : -1;
        if (low >= 0xdc00 && low < 0xe000) {
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          at += 6;
        } else if (c >= 0xd800 && c < 0xe000) {
          c = 0xfffd;  // half of a pair
        }
        to = detail::put_utf8(to, c);
        break;
      }
      default:
        *to++ = *at;
    }
  }
  return to;
}

}  // namespace freestanding::json
