#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "actors/cli/cli.hpp"
#include "actors/cli/dial.hpp"
#include "actors/loop/system/machine.hpp"
#include "protocols/host.hpp"

namespace proxy::cli {

namespace {

/// Where the user wants to be connected to.
struct connect_options {
  std::string unix_path;
  std::string host;
  uint16_t port = 0;
};

int cannot_connect(const std::string& what) {
  std::cerr << "codex-network-proxy: connect: " << what << '\n';
  return exit_failed;
}

bool write_all(int to, const char* bytes, size_t size) {
  while (size > 0) {
    auto sent = ::write(to, bytes, size);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

/// Copies to the end of `from`. @returns whether all of it went.
bool copy(int from, int to) {
  std::array<char, 65536> chunk;
  for (;;) {
    auto got = ::read(from, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got == 0;
    if (!write_all(to, chunk.data(), static_cast<size_t>(got)))
      return false;
  }
}

/// Moves bytes both ways; an end is passed on, and the other direction goes on until its own.
int relay(const tunnel& way) {
  auto socket = way.socket.get();
  if (!write_all(STDOUT_FILENO, way.first.data(), way.first.size()))
    return exit_failed;
  std::thread up{[socket] {
    // With nobody to send to, nobody will answer either.
    if (!copy(STDIN_FILENO, socket))
      ::_exit(exit_failed);
    this_machine().network.shutdown_write(socket);
  }};
  auto whole = copy(socket, STDOUT_FILENO);
  if (!whole)
    ::_exit(exit_failed);
  ::close(STDOUT_FILENO);
  up.join();
  return exit_ok;
}

caf::expected<tunnel> reach(const connect_options& options) {
  if (!options.unix_path.empty()) {
    auto socket = dial_unix(options.unix_path);
    if (!socket)
      return std::move(socket.error());
    return tunnel{std::move(*socket), {}};
  }
  auto variable = proxy_variable(config::process_environment);
  if (variable.empty())
    return caf::make_error(errc::invalid_config, "no proxy: ALL_PROXY is not set");
  auto through = parse_proxy_url(variable);
  if (!through) // it may hold a password
    return caf::make_error(errc::invalid_config,
                           "ALL_PROXY is no URL with http:// or socks5h:// in front");
  auto target = host::parse(options.host);
  if (!target)
    return caf::make_error(errc::malformed, "\"" + options.host + "\" is no host");
  auto way = open_tunnel(*through, target->text(), options.port);
  if (!way)
    return caf::make_error(errc::system, options.host + ':' + std::to_string(options.port) + ": " +
                                           context_of(way.error()));
  return way;
}

int connect(const connect_options& options) {
  if (options.unix_path.empty() == options.host.empty()) {
    std::cerr << "codex-network-proxy: connect: name HOST and PORT, or --unix PATH; see connect "
                 "--help\n";
    return exit_usage;
  }
  if (!options.host.empty() && options.port == 0) {
    std::cerr << "codex-network-proxy: connect: PORT is missing\n";
    return exit_usage;
  }
  ignore_broken_pipes();
  auto way = reach(options);
  return way ? relay(*way) : cannot_connect(context_of(way.error()));
}

} // namespace

void add_connect(CLI::App& app, context& all) {
  auto command = app.add_subcommand(
    "connect", "Connect stdin and stdout to a target through the proxy: connect HOST PORT");
  auto options = std::make_shared<connect_options>();
  command->add_option("host", options->host, "the target: a name, or an address")
    ->type_name("HOST");
  command->add_option("port", options->port, "its port")
    ->type_name("PORT")
    ->check(CLI::Range(1, 65535));
  command->add_option("--unix", options->unix_path, "connect to this socket instead, directly")
    ->type_name("PATH");
  command->footer(
    "The proxy is the one that ALL_PROXY names (else all_proxy, HTTPS_PROXY, https_proxy), "
    "http://\n"
    "or socks5h://, with name and password if it has any. For ssh:\n"
    "  ssh -o ProxyCommand='codex-network-proxy connect %h %p' HOST\n"
    "Exit codes: 0 when both sides have ended, 1 refused or failed, with the reason on stderr.");
  command->callback([&all, options] { all.chosen = [options] { return connect(*options); }; });
}

} // namespace proxy::cli
