#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/loop/simulation/sockets/byte_queue.hpp"
#include "tests/support/h2_frames.hpp"
#include "tests/support/party.hpp"

/// HTTP/2 for scripts: an end of a connection that sends any frame and keeps what it gets. It is no
/// library: what an honest end must not do, it does when it is told to.

namespace proxy::test {

/// What has come on a stream.
struct h2_stream {
  h2_fields fields;               ///< Of its head, once it is there: not an interim one.
  std::vector<h2_fields> interim; ///< Heads before it.
  h2_fields trailers;
  std::string body;
  bool ended = false;
  std::optional<uint32_t> reset;

  [[nodiscard]] bool has_head() const noexcept { return !fields.empty(); }
  [[nodiscard]] bool is_over() const noexcept { return ended || reset; }
  [[nodiscard]] std::string operator[](std::string_view name) const {
    for (const auto& [n, value] : fields)
      if (n == name)
        return value;
    return "";
  }
};

/// A goodbye that has come.
struct h2_goodbye {
  int32_t last;
  uint32_t code;
  std::string words;
};

/// One end of an HTTP/2 connection, over a party. It acknowledges settings and pings, and gives
/// windows back as it gets data, unless it is told not to.
class h2_end {
public:
  h2_end(party& over, bool is_client, std::string authority)
    : on(over), authority_(std::move(authority)), client_(is_client) {
    h2::must(nghttp2_hd_inflate_new(&unpacker_) == 0);
  }
  ~h2_end() { nghttp2_hd_inflate_del(unpacker_); }
  h2_end(const h2_end&) = delete;

  void greet(const h2_settings& own = {}) {
    if (client_)
      on.say(h2::preface);
    on.say(h2::settings(own) + std::exchange(held_back_, {}));
    has_greeted_ = true;
  }

  /// The fields that every request has.
  [[nodiscard]] h2_fields request_to(const std::string& method, const std::string& path,
                                     const h2_fields& more = {}) const {
    h2_fields out{
      {":method", method}, {":scheme", "https"}, {":authority", authority_}, {":path", path}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  /// Client: begins a stream. @returns its number.
  int32_t ask(const std::string& method, const std::string& path, const h2_fields& more = {},
              bool ended = true) {
    return open(request_to(method, path, more), ended);
  }
  int32_t open(const h2_fields& fields, bool ended = true) {
    auto id = std::exchange(next_, next_ + 2);
    head(id, fields, ended);
    return id;
  }
  /// Server: a response with a body, whole.
  void answer(int32_t id, const std::string& status, std::string_view body = {},
              const h2_fields& more = {}) {
    h2_fields fields{{":status", status}};
    fields.insert(fields.end(), more.begin(), more.end());
    head(id, fields, body.empty());
    if (!body.empty())
      data(id, body, true);
  }
  void head(int32_t id, const h2_fields& fields, bool ended) {
    on.say(h2::head(id, fields, ended));
  }
  /// Sends data as the other end's windows let it.
  void data(int32_t id, std::string_view bytes, bool ended = false) {
    auto& waits = out_[id];
    waits.bytes.append(bytes);
    waits.ended |= ended;
    move_data();
  }
  /// Data that its windows did not let it send.
  [[nodiscard]] size_t unsent(int32_t id) { return out_[id].bytes.size(); }

  [[nodiscard]] int status(int32_t id) {
    auto text = streams[id][":status"];
    return text.empty() ? 0 : std::stoi(text);
  }
  /// How a stream ended: "200", "200 reset 8", "reset 7", "" while it goes on.
  [[nodiscard]] std::string outcome(int32_t id) {
    const auto& s = streams[id];
    auto out = s[":status"];
    if (s.reset)
      out.append(out.empty() ? "" : " ").append("reset ").append(std::to_string(*s.reset));
    return s.is_over() ? out : "";
  }
  /// The code of its last goodbye; nullopt for none.
  [[nodiscard]] std::optional<uint32_t> goodbye() const {
    return goodbyes.empty() ? std::nullopt : std::optional{goodbyes.back().code};
  }
  /// Server: a request for this path, once its head is there; 0 for none.
  [[nodiscard]] int32_t find(std::string_view path) const {
    for (const auto& [id, s] : streams)
      if (s[":path"] == path)
        return id;
    return 0;
  }

  /// Takes what has come.
  void step() {
    on.move();
    size_t taken = 0;
    for (;;) {
      auto rest = std::string_view{on.text}.substr(taken);
      auto size = rest.size() < 9 ? 0 : h2::number_at(rest, 0, 3);
      auto skip = !client_ && !is_greeted_ ? h2::preface.size() : 0;
      if (skip > 0 && rest.size() >= skip) {
        h2::must(rest.starts_with(h2::preface));
        taken += skip;
        is_greeted_ = true;
        continue;
      }
      if (skip > 0 || rest.size() < 9 || rest.size() < 9 + size)
        break;
      std::string got{rest.substr(0, 9 + size)}; // more may come while it is answered
      taken += got.size();
      take(static_cast<uint8_t>(got[3]), static_cast<uint8_t>(got[4]),
           static_cast<int32_t>(h2::number_at(got, 5)), got.substr(9));
    }
    on.text.erase(0, taken);
    move_data();
  }

  party& on;
  std::map<int32_t, h2_stream> streams;
  std::map<uint16_t, uint32_t> settings; ///< Of the other end.
  std::vector<h2_goodbye> goodbyes;
  size_t acks = 0;  ///< Of our settings.
  size_t pongs = 0; ///< Of our pings.
  bool acknowledges = true;
  bool gives_windows = true;

private:
  struct waiting {
    simulation::byte_queue bytes;
    bool ended = false;
    int64_t window = 0; ///< Beside the one that every stream has.
  };

  void take(uint8_t kind, uint8_t flags, int32_t id, const std::string& payload) {
    auto ended = (flags & h2::end_stream) != 0;
    switch (kind) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_CONTINUATION:
        if (kind == NGHTTP2_HEADERS)
          ends_with_head_ = ended;
        block_ += payload;
        if ((flags & h2::end_headers) != 0) {
          unpack(std::exchange(block_, {}));
          take_head(streams[id]);
        }
        break;
      case NGHTTP2_DATA:
        streams[id].body += payload;
        streams[id].ended |= ended;
        if (gives_windows && !payload.empty())
          on.say(h2::window(0, static_cast<uint32_t>(payload.size())) +
                 (ended ? "" : h2::window(id, static_cast<uint32_t>(payload.size()))));
        break;
      case NGHTTP2_RST_STREAM: streams[id].reset = h2::number_at(payload, 0); break;
      case NGHTTP2_SETTINGS: take_settings(flags, payload); break;
      case NGHTTP2_PING:
        if ((flags & h2::ack) != 0)
          ++pongs;
        else if (acknowledges)
          reply(h2::frame(NGHTTP2_PING, h2::ack, 0, payload));
        break;
      case NGHTTP2_GOAWAY:
        goodbyes.push_back({static_cast<int32_t>(h2::number_at(payload, 0)),
                            h2::number_at(payload, 4), payload.substr(8)});
        break;
      case NGHTTP2_WINDOW_UPDATE:
        (id == 0 ? window_ : out_[id].window) += h2::number_at(payload, 0);
        break;
      default: break;
    }
  }

  /// Says something behind its own settings, which come first.
  void reply(const std::string& bytes) {
    if (has_greeted_)
      on.say(bytes);
    else
      held_back_ += bytes;
  }

  void take_settings(uint8_t flags, const std::string& payload) {
    if ((flags & h2::ack) != 0) {
      ++acks;
      return;
    }
    for (size_t at = 0; at + 6 <= payload.size(); at += 6)
      settings[static_cast<uint16_t>(h2::number_at(payload, at, 2))] =
        h2::number_at(payload, at + 2);
    if (acknowledges)
      reply(h2::frame(NGHTTP2_SETTINGS, h2::ack, 0));
  }

  void take_head(h2_stream& s) {
    auto got = std::exchange(fields_, {});
    s.ended |= ends_with_head_;
    auto interim = !got.empty() && got[0].first == ":status" && got[0].second[0] == '1';
    if (interim)
      s.interim.push_back(std::move(got));
    else
      (s.has_head() ? s.trailers : s.fields) = std::move(got);
  }

  void unpack(std::string_view block) {
    auto* at = reinterpret_cast<const uint8_t*>(block.data());
    auto left = block.size();
    for (int flags = 0;;) {
      nghttp2_nv field;
      auto used = nghttp2_hd_inflate_hd2(unpacker_, &field, &flags, at, left, 1);
      h2::must(used >= 0);
      at += used;
      left -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        fields_.emplace_back(std::string{reinterpret_cast<char*>(field.name), field.namelen},
                             std::string{reinterpret_cast<char*>(field.value), field.valuelen});
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
        nghttp2_hd_inflate_end_headers(unpacker_);
      if ((flags & (NGHTTP2_HD_INFLATE_FINAL | NGHTTP2_HD_INFLATE_EMIT)) != NGHTTP2_HD_INFLATE_EMIT)
        return;
    }
  }

  void move_data() {
    auto initial = settings.contains(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
                     ? settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE]
                     : 65535;
    for (auto& [id, w] : out_) {
      while (!w.bytes.empty() || w.ended) {
        auto room = std::min({window_, initial + w.window, int64_t{16384}});
        auto size = std::min(w.bytes.size(), static_cast<size_t>(std::max(room, int64_t{0})));
        if (size == 0 && !w.bytes.empty())
          break;
        auto last = w.ended && size == w.bytes.size();
        on.say(
          h2::frame(NGHTTP2_DATA, last ? h2::end_stream : 0, id, w.bytes.view().substr(0, size)));
        w.bytes.remove(size);
        w.window -= static_cast<int64_t>(size);
        window_ -= static_cast<int64_t>(size);
        w.ended &= !last;
      }
    }
  }

  std::string authority_;
  bool client_;
  bool has_greeted_ = false;
  std::string held_back_;
  bool is_greeted_ = false; ///< Server: the client's preface has come.
  int32_t next_ = 1;
  int64_t window_ = 65535;
  std::map<int32_t, waiting> out_;
  nghttp2_hd_inflater* unpacker_ = nullptr;
  std::string block_; ///< Of the head that is coming.
  h2_fields fields_;
  bool ends_with_head_ = false;
};

} // namespace proxy::test
