#include "protocols/http1/chunked.hpp"

#include <algorithm>
#include <cassert>

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

namespace {

constexpr size_t max_size_digits = 16;
/// With zeros before it.
constexpr size_t max_padded_digits = 256;
constexpr size_t max_extension_bytes = 1024;

/// Fields that a trailer section must not carry: whoever merges trailers into the head would frame,
/// route or authenticate the message anew (RFC 9110 §6.5.1).
constexpr std::string_view head_only[] = {
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "max-forwards",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
};

} // namespace

bool may_be_trailer(std::string_view name) noexcept {
  return std::ranges::none_of(head_only,
                              [&](auto other) { return ascii::equals_ignoring_case(name, other); });
}

caf::expected<size_t> chunked_decoder::consume(std::string_view in) {
  auto rest = in;
  while (!rest.empty() && !done())
    if (auto wrong = step(rest))
      return caf::make_error(errc::malformed, std::string{wrong} + " at byte " +
                                                std::to_string(in.size() - rest.size()));
  return in.size() - rest.size();
}

caf::expected<size_t> chunked_decoder::decode(std::string_view in, std::string& data) {
  size_t used = 0;
  while (used < in.size() && !done()) {
    auto rest = in.substr(used);
    auto size = static_cast<size_t>(std::min<uint64_t>(pending_data(), rest.size()));
    if (size > 0) {
      data.append(rest.substr(0, size));
      skip(size);
      used += size;
    } else if (auto framing = consume(rest.substr(0, 1))) { // byte by byte up to the next data
      used += *framing;
    } else {
      return framing;
    }
  }
  return used;
}

void chunked_decoder::skip(uint64_t n) noexcept {
  assert(n <= pending_data());
  left_ -= n;
  data_size_ += n;
  if (left_ == 0 && state_ == state::data)
    state_ = state::data_cr;
}

const char* chunked_decoder::step(std::string_view& in) {
  switch (state_) {
    case state::size: return take_size(in);
    case state::blanks: return take_blanks(in);
    case state::extension: return take_extension(in);
    case state::size_lf: return expect('\n', left_ > 0 ? state::data : state::trailer, in);
    case state::data: {
      auto n = std::min<uint64_t>(left_, in.size());
      skip(n);
      in.remove_prefix(static_cast<size_t>(n));
      return nullptr;
    }
    case state::data_cr: return expect('\r', state::data_lf, in);
    case state::data_lf: return expect('\n', state::size, in);
    case state::trailer: return take_trailer(in);
    case state::trailer_lf:
      if (in.front() != '\n')
        return "bare CR in the trailer";
      in.remove_prefix(1);
      ++trailer_size_;
      return end_trailer_line();
    case state::done: break;
  }
  return nullptr;
}

const char* chunked_decoder::expect(char wanted, state next, std::string_view& in) {
  if (in.front() != wanted)
    return "bad chunk line end";
  in.remove_prefix(1);
  state_ = next;
  line_bytes_ = 0;
  return nullptr;
}

const char* chunked_decoder::take_size(std::string_view& in) {
  for (; !in.empty(); in.remove_prefix(1)) {
    auto digit = ascii::digit_value(in.front());
    if (digit > 15) {
      if (line_bytes_ == 0)
        return "bad chunk size";
      line_bytes_ = 0;
      state_ = state::blanks;
      return take_blanks(in);
    }
    // The result stays a positive number for parsers that count in signed 64 bits too.
    auto most = rules_ == chunk_rules::lenient ? max_padded_digits : max_size_digits;
    if (++line_bytes_ > most || left_ >> 59 != 0)
      return "chunk size too large";
    left_ = left_ << 4 | digit;
  }
  return nullptr;
}

/// Blanks belong to the extension that follows them (RFC 9112 §7.1.1). Without one they are
/// nobody's: some servers pad sizes with them.
const char* chunked_decoder::take_blanks(std::string_view& in) {
  for (; !in.empty(); in.remove_prefix(1)) {
    auto c = in.front();
    if (c == ';' || (c == '\r' && (line_bytes_ == 0 || rules_ == chunk_rules::lenient))) {
      state_ = c == '\r' ? state::size_lf : state::extension;
      in.remove_prefix(1);
      return nullptr;
    }
    if (c != ' ' && c != '\t')
      return "bad chunk size";
    if (++line_bytes_ > max_extension_bytes)
      return "too many blanks behind a chunk size";
  }
  return nullptr;
}

const char* chunked_decoder::take_extension(std::string_view& in) {
  auto text = in.substr(0, in.find('\r'));
  line_bytes_ += text.size();
  if (line_bytes_ > max_extension_bytes)
    return "chunk extension too long";
  if (!is_field_text(text))
    return "control character in a chunk extension";
  in.remove_prefix(text.size());
  return in.empty() ? nullptr : expect('\r', state::size_lf, in);
}

const char* chunked_decoder::take_trailer(std::string_view& in) {
  auto text = in.substr(0, in.find('\r'));
  trailer_bytes_ += text.size();
  if (trailer_bytes_ > max_trailer_)
    return "trailer section too long";
  if (!is_field_text(text))
    return "control character in the trailer";
  trailer_ += text;
  trailer_size_ += text.size();
  in.remove_prefix(text.size());
  if (in.empty())
    return nullptr;
  ++trailer_size_;
  return expect('\r', state::trailer_lf, in);
}

const char* chunked_decoder::end_trailer_line() {
  auto line = std::string_view{trailer_}.substr(line_start_);
  if (line.empty()) {
    state_ = state::done;
    return nullptr;
  }
  field f;
  if (auto wrong = split_field_line(line, f))
    return wrong;
  if (may_be_trailer(f.name)) {
    trailer_ += "\r\n";
    line_start_ = trailer_.size();
  } else if (rules_ == chunk_rules::lenient) {
    trailer_.resize(line_start_);
  } else {
    return "field that may not stand in a trailer";
  }
  state_ = state::trailer;
  return nullptr;
}

} // namespace proxy::http1
