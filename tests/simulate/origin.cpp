#include "tests/simulate/origin.hpp"

#include <cstdio>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

namespace {

int listen_at(simulation::node& on, const ip_address& where, uint16_t port) {
  auto fd = on.open(socket_kind::listener, AF_INET);
  auto name = make_sockaddr(where, port);
  demand(on.bind(fd, name.get(), name.size) == 0 && on.listen(fd) == 0, "an origin cannot listen");
  return fd;
}

} // namespace

origin::origin(simulation::node& on, ip_address at)
  : on_(on), at_(at), http_(listen_at(on, at, 80)), echo_(listen_at(on, at, 7)) {}

void origin::take(int listener, bool echoes) {
  ip_sockaddr from;
  for (int fd; (fd = on_.accept(listener, from)) >= 0;)
    sessions_.emplace_back(on_, fd, echoes);
}

void origin::break_off() {
  for (auto& each : sessions_)
    each.end.reset();
  sessions_.clear();
}

void origin::step() {
  take(http_, false);
  take(echo_, true);
  for (auto& each : sessions_) {
    each.end.move(each.end.out.size() > 100'000 ? 0 : 1 << 20);
    serve(each);
    each.end.move(0);
  }
  std::erase_if(sessions_, [](const session& s) {
    return s.end.broken || (s.end.ended && s.end.in.empty() && s.end.out.empty());
  });
}

void origin::serve(session& s) {
  if (s.echoes) {
    s.end.out += std::exchange(s.end.in, {});
    if (s.end.ended)
      s.end.finish();
    return;
  }
  for (;;) {
    if (s.in_body) {
      auto part = s.end.in.substr(0, static_cast<size_t>(s.expected - s.got));
      demand(are_bytes_of(s.id, s.got, part), "an origin got other bytes than were sent to it");
      s.end.in.erase(0, part.size());
      s.got += part.size();
      if (s.got < s.expected)
        return;
      s.in_body = false;
      s.end.out += "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    }
    auto end = s.end.in.find("\r\n\r\n");
    if (end == std::string::npos) {
      demand(s.end.in.size() < 64 * 1024, "an origin got a head without an end");
      return;
    }
    auto head = s.end.in.substr(0, end + 4);
    s.end.in.erase(0, end + 4);
    begin_request(s, head);
  }
}

void origin::begin_request(session& s, std::string_view head) {
  unsigned long long id = 0, size = 0;
  std::string text{head};
  if (std::sscanf(text.c_str(), "GET /%llu/%llu HTTP/1.1\r\n", &id, &size) == 2) {
    s.end.out += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    s.end.out += bytes_of(id, 0, size);
    return;
  }
  demand(std::sscanf(text.c_str(), "POST /%llu/%llu HTTP/1.1\r\n", &id, &size) == 2,
         "an origin got a request that nobody made: " + text.substr(0, 60));
  s.id = id;
  s.expected = size;
  s.got = 0;
  s.in_body = true;
}

} // namespace proxy::simulate
