#define CAF_SUITE actors.flows.tunnel
#include "tests/actors/flows/tunnelled.hpp"

using namespace proxy;
using namespace proxy::test;

/// What goes through a tunnel that stands.

CAF_TEST(bytes go both ways at once over ways of every kind) {
  struct row {
    const char* what;
    simulation::conditions way;
    size_t up, down;
  } rows[] = {
    {"few bytes", {}, 100, 1},
    {"a bulk one way", {}, 10, 1'000'000},
    {"a bulk both ways", {}, 2'000'000, 2'000'000},
    {"far away", {.delay = 80ms, .jitter = 50ms, .reset_at = {}}, 500'000, 500'000},
    {"slow", {.delay = 5ms, .bytes_per_second = 100'000, .reset_at = {}}, 300'000, 200'000},
    {"a byte a read", {.longest_read = 1, .reset_at = {}}, 3'000, 3'000},
    {"short reads and writes",
     {.longest_read = 700, .longest_write = 333, .reset_at = {}},
     200'000,
     100'000},
    {"bulk reads and short writes", {.longest_write = 5'000, .reset_at = {}}, 100'000, 1'000'000},
    {"calls that come to nothing", {.spurious = 300'000, .reset_at = {}}, 500'000, 500'000},
    {"all of it",
     {.delay = 1ms,
      .longest_read = 40'000,
      .longest_write = 9'000,
      .spurious = 200'000,
      .reset_at = {}},
     400'000,
     600'000},
  };
  for (auto& [what, way, up, down] : rows) {
    CAF_MESSAGE(what);
    tunnelled s;
    s.set_way(s.user, way);
    s.set_way(s.at.on, way);
    s.open();
    auto sent = noise(up, 1), answered = noise(down, 2);
    s.who->say(sent);
    s.origin->say(answered);
    s.who->finish();
    s.origin->finish();
    // Again and again: a call that came to nothing is not told of to parties.
    for (int i = 0; i < 30'000 && !(s.who->is_over() && s.origin->is_over()); ++i)
      s.pass(10ms);
    CAF_CHECK(s.who->text == answered);
    CAF_CHECK(s.origin->text == sent);
    CAF_CHECK(s.who->error == 0 && s.origin->error == 0);
    s.pass(5s);
    CAF_CHECK(s.logs("bytes_up=" + std::to_string(up) + ' '));
  }
}

CAF_TEST(small messages after a bulk go on one by one in both directions) {
  tunnelled s;
  s.open();
  for (size_t size : {200'000, 1, 300, 400'000, 5'000, 2}) {
    CAF_CHECK(s.carries(*s.who, *s.origin, noise(size, 3)));
    CAF_CHECK(s.carries(*s.origin, *s.who, noise(size, 4)));
  }
}

CAF_TEST(a bulk passes where no descriptor is left for a pipe) {
  tunnelled s;
  s.open();
  s.here.limit_descriptors(s.here.descriptors());
  CAF_CHECK(s.carries(*s.origin, *s.who, noise(1'000'000, 5)));
  CAF_CHECK(s.carries(*s.who, *s.origin, noise(1'000'000, 6)));
}

CAF_TEST(a peer that does not read holds up its sender and nothing else) {
  for (auto client_reads : {true, false}) {
    tunnelled s;
    s.open();
    auto& sender = client_reads ? *s.who : *s.origin;
    auto& reader = client_reads ? *s.origin : *s.who;
    reader.read_nothing();
    auto much = noise(2'500'000, 7);
    sender.say(much);
    s.pass(1min);
    // What two windows, a pipe and a buffer hold.
    CAF_CHECK(sender.unsaid() > 1'000'000u);
    CAF_CHECK(s.carries(reader, sender, "the other way is free"));
    reader.read_nothing(false);
    CAF_CHECK(s.until([&] { return reader.text.size() >= much.size(); }));
    CAF_CHECK(reader.text == much);
  }
}

CAF_TEST(pipes of tunnels that were held up are kept for others up to a number and end with no byte lost) {
  tunnelled s;
  auto before = s.here.descriptors();
  std::vector<std::pair<party*, party*>> pairs;
  for (int i = 0; i < 70; ++i) {
    s.open();
    s.who->read_nothing();
    pairs.emplace_back(s.who, s.origin);
  }
  auto much = noise(350'000, 8);
  for (auto& [client, origin] : pairs) {
    origin->say(much);
    origin->finish();
  }
  s.pass(10s);
  auto held = s.here.descriptors() - before;
  CAF_CHECK(held >= 70 * 4u);
  for (auto& [client, origin] : pairs) {
    client->read_nothing(false);
    client->finish();
  }
  for (auto& [client, origin] : pairs) {
    CAF_CHECK(s.is_over(*client));
    CAF_CHECK(client->text == much);
  }
  s.pass(10s);
  auto kept = s.here.descriptors() - before;
  CAF_CHECK_EQUAL(kept, 64 * 2u);
}

CAF_TEST(bytes sent right behind the CONNECT are the first in the tunnel) {
  struct row {
    size_t size;
    bool ends; ///< And the client says nothing more.
    simulation::conditions way;
  } rows[] = {
    {1, false, {}},
    {40, true, {}},
    {100'000, false, {}},
    {300'000, true, {}},
    {50'000, true, {.delay = 10ms, .longest_read = 1'000, .longest_write = 999, .reset_at = {}}},
  };
  for (auto& [size, ends, way] : rows) {
    CAF_MESSAGE(size);
    tunnelled s;
    s.set_way(s.user, way);
    auto& client = s.client();
    auto bytes = noise(size, 13);
    client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n" + bytes);
    if (ends)
      client.finish();
    auto& origin = s.accept(s.at);
    CAF_CHECK(s.until([&] { return origin.is_over() || origin.text.size() >= size; }));
    CAF_CHECK(origin.text == bytes);
    origin.say("answer");
    CAF_CHECK(s.hears(client, "\r\n\r\nanswer"));
    CAF_CHECK(client.text.starts_with("HTTP/1.1 200"));
    CAF_CHECK_EQUAL(s.until([&] { return origin.ended; }, 1s), ends);
  }
}

CAF_TEST(a client that takes its time to read the answer gets all that the origin said meanwhile) {
  tunnelled s;
  s.set_way(s.user, {.longest_write = 3, .reset_at = {}});
  auto& client = s.client();
  client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  auto& origin = s.accept(s.at);
  auto bytes = noise(20'000, 14);
  origin.say(bytes);
  origin.finish();
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(client.text.starts_with("HTTP/1.1 200") && client.text.ends_with("\r\n\r\n" + bytes));
}

CAF_TEST(tunnels that are held up fill the memory and one more is refused until they have drained) {
  tunnelled s{"limits.memory = \"1MiB\""};
  std::vector<std::pair<party*, party*>> pairs;
  for (int i = 0; i < 24; ++i) {
    s.open();
    s.who->read_nothing();
    pairs.emplace_back(s.who, s.origin);
  }
  s.here.limit_descriptors(s.here.descriptors()); // no pipe holds what buffers would
  auto much = noise(500'000, 15);
  for (auto& [client, origin] : pairs)
    origin->say(much);
  s.pass(10s);
  s.here.limit_descriptors(1'000);
  auto& refused = s.client();
  CAF_CHECK(s.hears(refused, "HTTP/1.1 503 "));
  CAF_CHECK(s.hears(refused, "limits.memory = 1MiB"));
  for (auto& [client, origin] : pairs)
    client->read_nothing(false);
  for (auto& [client, origin] : pairs) {
    CAF_CHECK(s.until([&] { return client->text.size() >= much.size(); }));
    CAF_CHECK(client->text == much);
  }
  s.pass(1s);
  s.open();
  CAF_CHECK(s.carries(*s.who, *s.origin, "there is room again"));
}

CAF_TEST(the server of a tunnel is kept alive once it has been silent for a second) {
  tunnelled s;
  s.open();
  for (int i = 0; i < 30; ++i) {
    CAF_CHECK(s.carries(*s.who, *s.origin, "ping"));
    s.w.run_for(100ms);
  }
  CAF_CHECK_EQUAL(s.here.kept_alive(), 0u);
  s.w.run_for(800ms);
  CAF_CHECK_EQUAL(s.here.kept_alive(), 0u);
  s.w.run_for(300ms);
  CAF_CHECK_EQUAL(s.here.kept_alive(), 1u);
  CAF_CHECK(s.carries(*s.origin, *s.who, "pong"));
}
