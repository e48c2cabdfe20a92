#include "actors/cli/dial.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>

#include "actors/clients/client_url.hpp"
#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/sockaddr.hpp"
#include "protocols/ascii.hpp"
#include "protocols/known_word.hpp"

namespace proxy::cli {

namespace {

constexpr size_t max_head_bytes = 64 * 1024;
constexpr size_t max_answer_bytes = 1 << 20;
constexpr size_t max_words = 600; ///< Of what a proxy says, for people.

caf::error failure(std::string words) { return caf::make_error(errc::system, std::move(words)); }

std::string errno_words(int code) { return std::strerror(code); }

std::string base64(std::string_view text) {
  static constexpr char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    auto count = std::min<size_t>(3, text.size() - i);
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(text[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      out += k <= count ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// What a peer says, in one line without control characters.
std::string words_of(std::string_view text) {
  std::string out;
  for (auto c : text.substr(0, max_words))
    out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  return std::string{ascii::trim(out)};
}

/// A connected socket, or errno.
struct connected {
  owned_socket socket;
  int error = 0;
};

connected connect_to(int family, const sockaddr* address, socklen_t size) {
  auto& by = this_machine().network;
  owned_socket fd{by.open(socket_kind::stream, family)};
  if (!fd)
    return {owned_socket{}, errno};
  by.send_at_once(fd.get());
  if (by.connect(fd.get(), address, size) != 0) {
    if (errno != EINPROGRESS)
      return {owned_socket{}, errno};
    pollfd waits{fd.get(), POLLOUT, 0};
    auto ms = std::chrono::milliseconds{dial_deadline};
    if (::poll(&waits, 1, static_cast<int>(ms.count())) != 1)
      return {owned_socket{}, ETIMEDOUT};
    if (auto error = by.take_error(fd.get()); error != 0)
      return {owned_socket{}, error};
  }
  auto flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0)
    return {owned_socket{}, errno};
  return {std::move(fd), 0};
}

/// How long a read may take; zero is for ever.
void set_deadline(int socket, std::chrono::seconds most) {
  timeval limit{static_cast<time_t>(most.count()), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

/// Appends what comes next. @returns how much; 0 at the end or when nothing came in time.
size_t receive(int socket, std::string& into, size_t most) {
  std::array<char, 4096> chunk;
  for (;;) {
    auto got =
      this_machine().network.read(socket, std::span{chunk}.first(std::min(most, chunk.size())));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return 0;
    into.append(chunk.data(), static_cast<size_t>(got));
    return static_cast<size_t>(got);
  }
}

bool receive_exactly(int socket, std::string& into, size_t count) {
  for (into.clear(); into.size() < count;)
    if (receive(socket, into, count - into.size()) == 0)
      return false;
  return true;
}

/// The number behind `HTTP/1.x `; 0 when there is none.
int status_of(std::string_view head) {
  int status = 0;
  if (head.starts_with("HTTP/1.") && head.size() > 12)
    std::from_chars(head.data() + 9, head.data() + 12, status);
  return status;
}

/// The value of a field; "" when there is none.
std::string_view field_of(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    auto line = head.substr(at, head.find("\r\n", at) - at);
    auto colon = line.find(':');
    if (colon != std::string_view::npos && ascii::equals_ignoring_case(line.substr(0, colon), name))
      return ascii::trim(line.substr(colon + 1));
  }
  return {};
}

/// The rest of a body whose beginning is there, as far as it is of interest.
void read_body(int socket, std::string_view head, std::string& body) {
  auto length = max_head_bytes;
  auto told = field_of(head, "content-length");
  std::from_chars(told.data(), told.data() + told.size(), length);
  set_deadline(socket, std::chrono::seconds{5});
  while (body.size() < std::min(length, max_head_bytes))
    if (receive(socket, body, max_head_bytes - body.size()) == 0)
      return;
}

/// Reads a head of HTTP/1.1 off `bytes` and the socket; what follows stays in `bytes`. "" when none
/// comes.
std::string read_head(int socket, std::string& bytes) {
  size_t end = 0;
  while ((end = bytes.find("\r\n\r\n")) == std::string::npos)
    if (bytes.size() > max_head_bytes || receive(socket, bytes, max_head_bytes) == 0)
      return {};
  auto head = bytes.substr(0, end + 4);
  bytes.erase(0, end + 4);
  return head;
}

std::string authority_of(const std::string& host, uint16_t port) {
  auto literal = host.find(':') != std::string::npos;
  return (literal ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

caf::expected<tunnel> open_http(tunnel way, const proxy_url& through, const std::string& target) {
  auto request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!through.user.empty() || !through.password.empty())
    request +=
      "Proxy-Authorization: Basic " + base64(through.user + ':' + through.password) + "\r\n";
  auto fd = way.socket.get();
  if (!send_all(fd, request + "\r\n"))
    return failure("the proxy hung up");
  std::string head;
  int status = 0;
  do { // interim answers
    head = read_head(fd, way.first);
    status = status_of(head);
    if (status == 0)
      return failure("the proxy gave no answer that could be understood");
  } while (status < 200);
  if (status < 300)
    return way;
  read_body(fd, head, way.first);
  auto said = words_of(std::string_view{head}.substr(9, head.find("\r\n") - 9));
  return failure(said + ": " + words_of(way.first));
}

const char* socks_words(unsigned char reply) {
  switch (reply) {
    case 1: return "general failure";
    case 2: return "not allowed by the policy; its log and GET /blocked say why";
    case 3: return "network unreachable";
    case 4: return "host unreachable";
    case 5: return "connection refused";
    case 6: return "time to live expired";
    case 7: return "command not supported";
    case 8: return "address type not supported";
    default: return "a reply that is not known";
  }
}

/// RFC 1928 §6: what the proxy is bound to, which nobody needs here.
bool skip_bound_address(int fd, char type) {
  std::string rest;
  if (type == 1 || type == 4)
    return receive_exactly(fd, rest, (type == 1 ? 4 : 16) + 2);
  return type == 3 && receive_exactly(fd, rest, 1) &&
         receive_exactly(fd, rest, static_cast<unsigned char>(rest[0]) + size_t{2});
}

/// RFC 1929. @returns what is wrong, "" when nothing is.
std::string log_in_to_socks(int fd, const proxy_url& through) {
  if (through.user.size() > 255 || through.password.size() > 255)
    return "name and password of a SOCKS proxy have 255 bytes at most";
  std::string login{"\x01"}, reply;
  for (const auto* part : {&through.user, &through.password})
    (login += static_cast<char>(part->size())) += *part;
  if (!send_all(fd, login) || !receive_exactly(fd, reply, 2))
    return "the proxy hung up";
  return reply[1] == 0 ? "" : "the proxy refused name and password";
}

caf::expected<tunnel> open_socks(tunnel way, const proxy_url& through, const std::string& host,
                                 uint16_t port) {
  auto fd = way.socket.get();
  auto has_login = !through.user.empty();
  std::string reply;
  if (!send_all(fd, has_login ? std::string_view{"\x05\x02\x00\x02", 4}
                              : std::string_view{"\x05\x01\x00", 3}) ||
      !receive_exactly(fd, reply, 2) || reply[0] != 5)
    return failure("the proxy gave no answer that could be understood");
  if (reply[1] == 2 && has_login) {
    if (auto wrong = log_in_to_socks(fd, through); !wrong.empty())
      return failure(std::move(wrong));
  } else if (reply[1] != 0) {
    return failure("the proxy wants to know who asks: put name and password into ALL_PROXY");
  }
  std::string request{"\x05\x01\x00", 3};
  auto ip = ip_address::parse(host);
  if (!ip && host.size() > 255)
    return failure("the host's name is too long");
  if (ip) {
    auto name = make_sockaddr(*ip, 0);
    auto v4 = ip->is_v4();
    request += v4 ? '\x01' : '\x04';
    const auto* bytes =
      v4
        ? reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(name.get())->sin_addr)
        : reinterpret_cast<const char*>(
            &reinterpret_cast<const sockaddr_in6*>(name.get())->sin6_addr);
    request.append(bytes, v4 ? 4 : 16);
  } else {
    ((request += '\x03') += static_cast<char>(host.size())) += host;
  }
  request += static_cast<char>(port >> 8);
  request += static_cast<char>(port & 255);
  if (!send_all(fd, request) || !receive_exactly(fd, reply, 4) || reply[0] != 5)
    return failure("the proxy hung up");
  if (reply[1] != 0)
    return failure(socks_words(static_cast<unsigned char>(reply[1])));
  if (!skip_bound_address(fd, reply[3]))
    return failure("the proxy hung up");
  return way;
}

} // namespace

owned_socket::~owned_socket() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

owned_socket::owned_socket(owned_socket&& other) noexcept
  : descriptor_(std::exchange(other.descriptor_, -1)) {}

owned_socket& owned_socket::operator=(owned_socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::optional<proxy_url> parse_proxy_url(std::string_view text) {
  proxy_url out;
  text = ascii::trim(text);
  auto scheme = text.substr(0, std::min(text.find("://"), text.size()));
  if (scheme.size() < text.size()) {
    out.socks =
      ascii::is<"socks5h">(scheme) || ascii::is<"socks5">(scheme) || ascii::is<"socks">(scheme);
    if (!out.socks && !ascii::is<"http">(scheme))
      return std::nullopt;
    text.remove_prefix(scheme.size() + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  if (auto at = text.rfind('@'); at != std::string_view::npos) {
    auto login = text.substr(0, at);
    auto colon = std::min(login.find(':'), login.size());
    out.user = url_decoded(login.substr(0, colon));
    out.password = url_decoded(login.substr(std::min(colon + 1, login.size())));
    text.remove_prefix(at + 1);
  }
  out.port = out.socks ? 1080 : 80;
  auto bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  if (auto rest = text.substr(std::min(bracket, text.size())); rest.size() > 1 && rest[1] != ':')
    return std::nullopt;
  auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    auto digits = text.substr(colon + 1);
    auto end = digits.data() + digits.size();
    auto [read, failed] = std::from_chars(digits.data(), end, out.port);
    if (failed != std::errc{} || read != end || out.port == 0)
      return std::nullopt;
    text = text.substr(0, colon);
  }
  if (bracket != std::string_view::npos)
    text = text.substr(1, bracket - 1);
  out.host = text;
  return out.host.empty() ? std::nullopt : std::optional{std::move(out)};
}

std::string proxy_variable(const config::environment& env) {
  for (const auto* name : {"ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"})
    if (auto value = env(name).value_or(""); !ascii::trim(value).empty())
      return value;
  return {};
}

caf::expected<owned_socket> dial(const std::string& host, uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  auto code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &list);
  auto where = authority_of(host, port);
  if (code != 0)
    return failure(where + ": " + ::gai_strerror(code));
  connected last{owned_socket{}, EHOSTUNREACH};
  for (auto* at = list; at && !last.socket; at = at->ai_next)
    last = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen);
  ::freeaddrinfo(list);
  if (!last.socket)
    return failure(where + ": " + errno_words(last.error));
  return std::move(last.socket);
}

caf::expected<owned_socket> dial_unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path)
    return failure(path + ": the path is too long for a socket");
  std::copy(path.begin(), path.end(), name.sun_path);
  auto got = connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  if (!got.socket)
    return failure(path + ": " + errno_words(got.error));
  return std::move(got.socket);
}

caf::expected<owned_socket> dial(const config::listen_address& listener) {
  if (!listener.path.empty())
    return dial_unix(listener.path);
  auto ip = listener.ip == "0.0.0.0" ? "127.0.0.1" : listener.ip == "::" ? "::1" : listener.ip;
  return dial(ip, listener.port);
}

caf::expected<tunnel> open_tunnel(const proxy_url& through, const std::string& host,
                                  uint16_t port) {
  auto socket = dial(through.host, through.port);
  if (!socket)
    return std::move(socket.error());
  tunnel way{std::move(*socket), {}};
  auto fd = way.socket.get();
  set_deadline(fd, answer_deadline);
  auto opened = through.socks ? open_socks(std::move(way), through, host, port)
                              : open_http(std::move(way), through, authority_of(host, port));
  if (opened)
    set_deadline(opened->socket.get(), std::chrono::seconds{0});
  return opened;
}

bool send_all(int socket, std::string_view what) noexcept {
  while (!what.empty()) {
    auto sent = this_machine().network.write(socket, what, false);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    what.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

caf::expected<http_answer> ask_admin(const config::listen_address& at, const std::string& token,
                                     const std::string& target) {
  auto socket = dial(at);
  if (!socket)
    return std::move(socket.error());
  set_deadline(socket->get(), dial_deadline);
  auto request = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  if (!token.empty())
    request += "Authorization: Bearer " + token + "\r\n";
  if (!send_all(socket->get(), request + "\r\n"))
    return failure("the admin API hung up");
  std::string bytes;
  auto head = read_head(socket->get(), bytes);
  http_answer out{status_of(head), std::move(bytes)};
  if (out.status == 0)
    return failure("the admin API gave no answer");
  while (out.body.size() < max_answer_bytes && receive(socket->get(), out.body, max_answer_bytes))
    continue;
  return out;
}

} // namespace proxy::cli
