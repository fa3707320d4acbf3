#include "support/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "support/error.hpp"
#include "support/text.hpp"

namespace vmimage::support {

using namespace std::chrono_literals;

namespace {

constexpr auto kRedraw = 100ms;
constexpr auto kLogLine = 10s;
constexpr std::size_t kBar = 24;          // columns
constexpr double kSecondsForARate = 0.5;  // before that, it says nothing

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t columns(const std::string& text) {
  return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues_character));
}

std::string cut(const std::string& text, std::size_t width) {
  std::size_t at = 0;
  for (std::size_t column = 0; at < text.size(); ++at)
    if (!continues_character(text[at]) && ++column > width)
      break;
  return text.substr(0, at);
}

double fraction_of(const Amount& amount) {
  return amount.total == 0
             ? 0
             : std::min(1.0, static_cast<double>(amount.done) / static_cast<double>(amount.total));
}

std::string format_seconds(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 100)
    return fmt::format("{} s", whole);
  return whole < 100 * 60 ? fmt::format("{} min", (whole + 30) / 60)
                          : fmt::format("{} h", (whole + 1800) / 3600);
}

std::string bar(double fraction, const Style& style) {
  const auto full = static_cast<std::size_t>(fraction * kBar);
  std::string text;
  for (std::size_t i = 0; i < kBar; ++i)
    text += i < full ? (style.utf8 ? "█" : "#") : (style.utf8 ? "░" : "-");
  return style.color ? "\033[32m" + text + "\033[0m" : "[" + text + "]";
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit)
    value /= 1024;
  return unit == 0 || value >= 9.95 ? fmt::format("{:.0f} {}", value, kUnits[unit])
                                    : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_amount(const Amount& amount) {
  const double fraction = fraction_of(amount);
  std::string text =
      fmt::format("{} %, {} of {}", static_cast<int>(fraction * 100),
                  format_bytes(std::min(amount.done, amount.total)), format_bytes(amount.total));
  if (amount.seconds < kSecondsForARate || amount.done == 0)
    return text;
  const double rate = static_cast<double>(amount.done) / amount.seconds;
  text += fmt::format(", {}/s", format_bytes(static_cast<std::uint64_t>(rate)));
  if (fraction < 1)
    text += fmt::format(", {} left", format_seconds(static_cast<double>(amount.total - amount.done) / rate));
  return text;
}

std::string progress_line(double seconds, const std::string& step, const std::optional<Amount>& amount,
                          const Style& style) {
  const std::size_t room = style.width - 1;  // writing into the last column wraps on some terminals
  const std::string plain = fmt::format("{:5.1f} s  {}", seconds, one_line(step));
  if (!amount || amount->total == 0)
    return cut(plain, room);
  const std::string detail = format_amount(*amount);
  const std::size_t for_bar = kBar + 2 + (style.color ? 0 : 2);
  if (columns(plain) + for_bar + 2 + columns(detail) <= room)
    return plain + "  " + bar(fraction_of(*amount), style) + "  " + detail;
  if (columns(plain) + 2 + columns(detail) <= room)
    return plain + "  " + detail;
  return cut(fmt::format("{}  {:.0f} %", cut(plain, room > 7 ? room - 7 : room), fraction_of(*amount) * 100),
             room);
}

Style style_from_environment(std::size_t width) {
  std::string locale = variable("LC_ALL");
  if (locale.empty())
    locale = variable("LC_CTYPE");
  if (locale.empty())
    locale = variable("LANG");
  locale = lower(locale);
  const bool utf8 = locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  return {width, utf8, variable("NO_COLOR").empty()};
}

Progress::Mode Progress::detect() {
  const std::string terminal = variable("TERM");
  const bool dumb = terminal.empty() || terminal == "dumb";
  return ::isatty(STDERR_FILENO) && !dumb ? Mode::Terminal : Mode::Plain;
}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (shown_)
    std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::show(const std::optional<Amount>& amount) {
  shown_at_ = Clock::now();
  if (mode_ == Mode::Plain) {
    fmt::print(stderr, "{}: {}{}\n", program_invocation_short_name, step_,
               amount ? ": " + format_amount(*amount) : "");
    return;
  }
  clear();
  const std::string text =
      progress_line(seconds_since(start_), step_, amount, style_from_environment(terminal_width()));
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::step(const std::string& line) {
  step_ = line;
  step_start_ = Clock::now();
  if (mode_ != Mode::Quiet)
    show(std::nullopt);
}

void Progress::bytes(std::uint64_t done, std::uint64_t total) {
  if (mode_ == Mode::Quiet || total == 0 ||
      Clock::now() - shown_at_ < (mode_ == Mode::Plain ? kLogLine : kRedraw))
    return;
  show(Amount{done, total, seconds_since(step_start_)});
}

Report Progress::report() {
  return {[this](const std::string& line) { step(line); },
          [this](std::uint64_t done, std::uint64_t total) { bytes(done, total); }};
}

}  // namespace vmimage::support
