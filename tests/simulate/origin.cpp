#include "tests/simulate/origin.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/simulate/certificates.hpp"
#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitor.hpp"

namespace proxy::simulate {

namespace {

int listen_at(simulation::node& on, const ip_address& where, uint16_t port) {
  auto fd = on.open(socket_kind::listener, AF_INET);
  auto name = make_sockaddr(where, port);
  demand(on.bind(fd, name.get(), name.size) == 0 && on.listen(fd) == 0, "an origin cannot listen");
  return fd;
}

} // namespace

origin::origin(simulation::node& on, ip_address at, std::string name, judge& sees, bool calm)
  : on_(on), at_(at), name_(std::move(name)), judge_(sees), calm_(calm),
    speaks_(on.net().chance().below(4) == 0 ? tls::alpn::http1 : tls::alpn::either),
    http_(listen_at(on, at, 80)), https_(listen_at(on, at, 443)),
    echo_(listen_at(on, at, echo_port)), udp_(on.open(socket_kind::datagram, AF_INET)) {
  auto here = make_sockaddr(at, udp_port);
  demand(on.bind(udp_, here.get(), here.size) == 0, "an origin has no UDP");
}

void origin::take(int listener, kind as) {
  ip_sockaddr from;
  for (int fd; (fd = on_.accept(listener, from)) >= 0;) {
    auto& made = sessions_.emplace_back(on_, fd, as);
    const auto& certs = certificates::of_all_worlds();
    if (as == kind::secure)
      made.end.answer_tls(*certs.origin_serves, certs.leaf_of(name_), {.accept = speaks_});
  }
}

void origin::take_datagrams() {
  char block[4096];
  ip_sockaddr from;
  for (ssize_t n; (n = on_.receive_from(udp_, block, &from)) >= 0;) {
    std::string_view bytes{block, static_cast<size_t>(n)};
    auto id = std::strtoull(std::string{bytes}.c_str(), nullptr, 10);
    auto blank = bytes.find(' ');
    demand(blank != std::string_view::npos && are_bytes_of(id, 0, bytes.substr(blank + 1)),
           "an origin got a datagram that nobody sent to it");
    iovec part{block, bytes.size()};
    datagram_row row{&from, {&part, 1}, 0};
    (void)on_.send(udp_, {&row, 1});
  }
}

void origin::break_off() {
  for (auto& each : sessions_)
    each.end.reset();
  sessions_.clear();
}

void origin::step() {
  take(http_, kind::clear);
  take(https_, kind::secure);
  take(echo_, kind::echo);
  take_datagrams();
  for (auto& each : sessions_) {
    if (each.end.text.empty())
      each.since = each.end.next_record();
    each.end.move(each.end.unsaid() > 100'000 ? 0 : 1 << 20);
    serve(each);
  }
  std::erase_if(sessions_, [](const session& s) {
    return s.end.is_broken() || (s.end.ended && s.end.text.empty() && s.end.unsaid() == 0);
  });
}

void origin::echo(session& s) {
  s.end.say(std::exchange(s.end.text, {}));
  if (s.end.ended && s.end.text.empty()) // what it says lets it hear more
    s.end.finish();
}

void origin::serve(session& s) {
  auto& text = s.end.text;
  if (s.is == kind::echo)
    return echo(s);
  if (!s.h2 && s.end.speaks_h2())
    s.h2.emplace(s.end, name_, on_.net().chance(), calm_);
  if (s.h2)
    return s.h2->step([&](std::string_view authority, bool changes_nothing, bool forwarded) {
      check_target(s, authority, changes_nothing, forwarded);
    });
  while (!s.last && take_upload(s)) {
    auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) {
      demand(text.size() < 64 * 1024, "an origin got a head without an end");
      return;
    }
    auto head = text.substr(0, end + 4);
    text.erase(0, end + 4);
    begin_request(s, head);
  }
  if (s.declines)
    text.clear();
  demand(!s.last || text.empty(), "an origin got a request behind its last answer");
}

bool origin::take_upload(session& s) {
  if (!s.upload)
    return true;
  auto& u = *s.upload;
  auto part = u.body.take(s.end.text);
  demand(are_bytes_of(u.id, u.got, part), "an origin got other bytes than were sent to it");
  u.got += part.size();
  demand(u.got <= u.size, "an origin got more bytes than were sent to it");
  if (!u.body.is_over())
    return false;
  demand(u.got == u.size, "an origin was told that an upload is whole which is not");
  s.upload.reset();
  s.end.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  return true;
}

void origin::begin_request(session& s, const std::string& head) {
  unsigned long long id = 0, size = 0;
  char how = 0;
  auto post = head.starts_with("POST ");
  check_target(s, field_of(head, "host"), !post, !field_of(head, "via").empty());
  demand(std::sscanf(head.c_str(),
                     post ? "POST /%llu/%llu/%c HTTP/1.1\r\n" : "GET /%llu/%llu/%c HTTP/1.1\r\n",
                     &id, &size, &how) == 3,
         "an origin got a request that nobody made: " + head.substr(0, 60));
  if (!post)
    return answer(s, id, size, how);
  auto chunked = !field_of(head, "transfer-encoding").empty();
  auto length = field_of(head, "content-length");
  demand(chunked || length == std::to_string(size), "an origin got another upload's length");
  s.upload = incoming{id, size, {chunked ? framing::chunks : framing::length, size}};
  if (field_of(head, "expect").empty())
    return;
  auto& chance = on_.net().chance();
  if (calm_ || chance.below(4) != 0)
    s.end.say("HTTP/1.1 100 Continue\r\n\r\n");
  else if (chance.below(2) == 0) { // it does not want it
    s.upload.reset();
    s.last = s.declines = true;
    s.end.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    s.end.finish();
  }
}

void origin::answer(session& s, uint64_t id, uint64_t size, char how) {
  auto body = bytes_of(id, 0, static_cast<size_t>(size));
  auto as = how == 'c'   ? framing::chunks
            : how == 'e' ? framing::end_of_connection
                         : framing::length;
  if (as == framing::chunks)
    body = in_chunks(body, on_.net().chance());
  s.end.say("HTTP/1.1 200 OK\r\n" + field_for(as, size) + "\r\n" + body);
  if (as != framing::end_of_connection)
    return;
  s.last = true;
  s.end.finish();
}

/// A request has come here: it was meant to, and no policy that refuses it was in force.
void origin::check_target(const session& s, std::string_view host, bool changes_nothing,
                          bool forwarded) {
  demand(host == name_ || host == at_.str(),
         "the origin " + name_ + " got a request for " + std::string{host});
  if (s.is == kind::secure)
    judge_.came({"a request in TLS", at_.str(), changes_nothing, forwarded},
                s.end.other_address().port(), s.since);
}

} // namespace proxy::simulate
