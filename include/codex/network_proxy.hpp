#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace proxy::embed {
struct access; // to what is behind the types below
} // namespace proxy::embed

#if defined(__GNUC__)
#define CODEX_API __attribute__((visibility("default")))
#else
#define CODEX_API
#endif

/// A network policy proxy inside your program:
///
///     codex::network_proxy::builder wanted;
///     wanted.config({.allowed_domains = {"example.com"}}).http_addr("127.0.0.1:0");
///     auto proxy = wanted.build();            // binds: the addresses are known from here on
///     auto running = proxy ? proxy->run() : proxy.error();
///     if (!running)
///       return complain(running.error().message);
///     running->apply_to_env(environment_of_my_child);
///
/// **Threads.** Everything here may be called from any thread; one `builder` by one thread at a
/// time. The proxy has threads of its own: one for each worker and a few for what is slow. They
/// take none of the program's signals, and raise no SIGPIPE.
/// What you hand over (deciders, sinks, observers) is called from threads that do nothing else, so
/// it may take its time; an exception that leaves it is an answer that did not come.
///
/// **The process.** Nothing of it is changed or read behind your back: no signal handler, umask,
/// limit, locale, environment or working folder, no output but through the sinks, no exit. Two
/// proxies in one process know nothing of each other.
///
/// **Errors** are values (`result`). Only lack of memory throws (std::bad_alloc).
///
/// **Lifetime.** `handle` owns what runs; when it goes, the proxy ends at once.
namespace codex {

/// Something wrong or doubtful in a configuration.
struct problem {
  bool is_error = true; ///< Else a warning.
  std::string file;     ///< "" where it stands in no file.
  uint32_t line = 0;    ///< 1-based; 0: unknown.
  uint32_t column = 0;  ///< The same.
  std::string key;      ///< Dotted, as one writes it; "" where it is about no key.
  std::string message;
  std::string hint; ///< What may have been meant; "" for none.

  /// `file:line:column: error: key: message (hint)`
  [[nodiscard]] CODEX_API std::string str() const;
};

enum class error_code : uint8_t {
  invalid_argument, ///< What was passed makes no sense here.
  invalid_config,   ///< The configuration does not hold, or forbids what is asked; see `problems`.
  cannot_bind,      ///< An address is in use, or not ours.
  no_resources,     ///< The system gives no thread, descriptor or memory.
  not_running,      ///< It has ended or is shutting down, or was run already.
  timed_out,        ///< It is too busy to answer; nothing is known to have changed.
  failed,           ///< The proxy has lost a part of itself and serves nobody any more.
};
[[nodiscard]] CODEX_API std::string_view to_string(error_code code) noexcept;

/// Why something was not done.
struct error {
  error_code code = error_code::failed;
  std::string message;           ///< For people, one line.
  std::vector<problem> problems; ///< Of the configuration, errors and warnings; else empty.
};

/// A value, or why there is none.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : is_(std::in_place_index<0>, std::move(value)) {}
  result(codex::error why) : is_(std::in_place_index<1>, std::move(why)) {}

  [[nodiscard]] bool has_value() const noexcept { return is_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// @pre has_value()
  [[nodiscard]] T& operator*() & { return *std::get_if<0>(&is_); }
  [[nodiscard]] const T& operator*() const& { return *std::get_if<0>(&is_); }
  [[nodiscard]] T&& operator*() && { return std::move(*std::get_if<0>(&is_)); }
  [[nodiscard]] T* operator->() { return std::get_if<0>(&is_); }
  [[nodiscard]] const T* operator->() const { return std::get_if<0>(&is_); }
  /// @pre !has_value()
  [[nodiscard]] const codex::error& error() const { return *std::get_if<1>(&is_); }

private:
  std::variant<T, codex::error> is_;
};

/// Done, or why not.
template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(codex::error why) : why_(std::move(why)) {}

  [[nodiscard]] bool has_value() const noexcept { return !why_; }
  explicit operator bool() const noexcept { return has_value(); }
  /// @pre !has_value()
  [[nodiscard]] const codex::error& error() const { return *why_; }

private:
  std::optional<codex::error> why_;
};

enum class network_mode : uint8_t {
  limited, ///< GET, HEAD and OPTIONS alone; HTTPS only where it is looked into.
  full,
};

/// How a client asks for a target.
enum class network_protocol : uint8_t { http, https, https_connect, socks5_tcp, socks5_udp };
/// "http", "https", "https_connect", "socks5_tcp", "socks5_udp".
[[nodiscard]] CODEX_API std::string_view to_string(network_protocol protocol) noexcept;

// -- deciders --

/// What a decider is asked: may this client reach this host, which no rule allows?
struct policy_request {
  network_protocol protocol = network_protocol::http;
  std::string host; ///< Normalised: lower case, A-labels, addresses in canonical form.
  uint16_t port = 0;
  std::string client_address;   ///< `ip:port`, or "unix".
  std::string client;           ///< Who the client showed to be; "" when nobody asked.
  std::string method;           ///< Of HTTP, in upper case; "" for SOCKS.
  std::string command;          ///< As `builder::attributes` says.
  std::string exec_policy_hint; ///< The same.
  std::map<std::string, std::string> attributes; ///< The same.
  /// Nobody waits for the answer any more: the client has left, the time is over, or the proxy
  /// ends. (A client that sends its end counts as one that has left: what it asked for is refused
  /// as if there were no decider.)
  std::stop_token cancelled;
};

/// A decider's answer. Allowing still meets the mode, local protection and the addresses that the
/// name leads to.
class network_decision {
public:
  enum class kind : uint8_t {
    allow,
    deny,
    ask, ///< Refused as well; the client is told that approval is needed.
  };

  [[nodiscard]] static network_decision allow() { return {kind::allow, {}}; }
  /// @param reason  The client is told; "" stands for `policy_denied`.
  [[nodiscard]] static network_decision deny(std::string reason = {}) {
    return {kind::deny, std::move(reason)};
  }
  [[nodiscard]] static network_decision ask(std::string reason = {}) {
    return {kind::ask, std::move(reason)};
  }

  [[nodiscard]] kind what() const noexcept { return what_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
  network_decision(kind what, std::string reason) : what_(what), reason_(std::move(reason)) {}
  kind what_;
  std::string reason_;
};

/// Takes the answer to one request, at any time and from any thread. The first one counts; those
/// that come too late fall on nothing. When the last copy goes without one, that is no answer.
class CODEX_API decision_reply {
public:
  void operator()(network_decision answer) const;

  struct state;
  explicit decision_reply(std::shared_ptr<state> to) : to_(std::move(to)) {}

private:
  std::shared_ptr<state> to_;
};

// -- what is told --

/// One request that was refused.
struct blocked_request {
  uint64_t id = 0; ///< Ascending over the life of the proxy.
  std::chrono::system_clock::time_point at;
  std::string host; ///< As asked for; the path where it was a unix socket.
  uint16_t port = 0;
  network_protocol protocol = network_protocol::http;
  std::string method; ///< "" for SOCKS.
  network_mode mode = network_mode::full;
  std::string reason;         ///< "not_allowed", "denied", a decider's words, …
  std::string decision;       ///< "deny" or "ask".
  std::string source;         ///< "baseline_policy", "mode_guard", "proxy_state", "decider".
  std::string rule;           ///< The pattern that decided; "" for none.
  std::string client_address; ///< "" where nobody knows.
  std::string client;         ///< Who the client showed to be; "" when nobody asked.
};

/// The newest refusals.
struct blocked_requests {
  std::vector<blocked_request> newest; ///< Oldest first, at most 200.
  uint64_t total = 0;                  ///< All that there have been.
};

/// A change of the policy that every worker serves.
struct policy_change {
  uint64_t generation = 0;            ///< Of the policy in force: 1 at the start.
  std::vector<std::string> changed;   ///< Keys whose values differ.
  std::vector<std::string> postponed; ///< Keys whose new values wait for the next start.
  uint64_t closed_tunnels = 0;        ///< That the new policy refuses.
  std::vector<problem> warnings;
};

/// What would become of a request, and why.
struct explanation {
  bool goes_through = false;
  std::string decision; ///< "allow", "deny" or "ask".
  std::string reason;   ///< "allow", or why not.
  uint16_t status = 0;  ///< Of the answer that a client would get; 200 when it goes through.
  std::string rule;     ///< The pattern that decided; "" for none.
  std::string file;     ///< Where it stands; "" where that is no file.
  uint32_t line = 0;
  std::string remedy; ///< What can be done about a refusal; "" for none.
  std::string text;   ///< All of it, for people, several lines.
};

// -- what a builder takes --

/// The policy as values. What is not set here is as `toml` says, else at its default.
struct network_config {
  bool enabled = true;
  std::optional<network_mode> mode{};
  /// Patterns: `example.com`, `*.example.com`, `**.example.com`, `10.0.0.0/8`, each with `:port` if
  /// wanted. Without any, nothing is allowed.
  std::vector<std::string> allowed_domains{};
  std::vector<std::string> denied_domains{};  ///< These win.
  std::optional<bool> allow_local_binding{};  ///< Local addresses need not be listed one by one.
  std::optional<bool> allow_upstream_proxy{}; ///< Go through a proxy that the environment names.
  std::optional<bool> enable_socks5{};
  std::optional<bool> enable_socks5_udp{};
  std::optional<bool> mitm{}; ///< Look into HTTPS; see the README of the proxy.
  std::string toml{};         ///< All that a configuration file can say.
};

/// Goes into every audit event. "" is left out.
struct audit_metadata {
  std::string conversation_id{};
  std::string app_version{};
  std::string user_account_id{};
  std::map<std::string, std::string> more{}; ///< By the name of the field.
};

/// What deciders are told of every connection of this proxy.
struct connection_attributes {
  std::string command{};
  std::string exec_policy_hint{};
  std::map<std::string, std::string> more{};
};

/// A proxy that has bound its addresses and serves nobody yet: who connects waits. When it goes
/// without having been run, its addresses are free again.
class CODEX_API network_proxy {
public:
  class builder;
  class handle;

  network_proxy(network_proxy&&) noexcept;
  network_proxy& operator=(network_proxy&&) noexcept;
  ~network_proxy();

  /// `ip:port`, or "" where there is no such listener.
  [[nodiscard]] std::string http_addr() const;
  [[nodiscard]] std::string socks_addr() const; ///< The same.
  [[nodiscard]] std::string admin_addr() const; ///< The same.

  /// Serves from now on. Once.
  /// @returns no_resources, or not_running when it was run before.
  [[nodiscard]] result<handle> run();

private:
  friend class builder;
  struct impl;
  explicit network_proxy(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

/// A proxy that runs.
class CODEX_API network_proxy::handle {
public:
  handle(handle&&) noexcept;
  handle& operator=(handle&&) noexcept;
  /// Ends it without a drain. Waits until clients of the admin API have the answers that are under
  /// way, and for deciders and sinks that are being called, for five seconds each; one that takes
  /// longer is left behind with its thread, and what it refers to has to outlive it.
  ~handle();

  /// As of `network_proxy`; a reload may move them.
  [[nodiscard]] std::string http_addr() const;
  [[nodiscard]] std::string socks_addr() const;
  [[nodiscard]] std::string admin_addr() const;

  /// Switches the mode until it is switched again; reloads keep it. Returns when every worker
  /// serves it and what it refuses is closed, as the next three do.
  /// @returns invalid_config where the managed configuration forbids it; the old policy stays.
  [[nodiscard]] result<policy_change> set_mode(network_mode mode);
  /// Reads the configuration again.
  /// @returns invalid_config with `problems`; the old policy stays.
  [[nodiscard]] result<policy_change> reload();
  /// The same with another environment from now on.
  [[nodiscard]] result<policy_change> reload(std::map<std::string, std::string> environment);
  /// Adds a pattern to the allow list until the proxy ends; reloads keep it.
  /// @returns invalid_config for what is no pattern, or is forbidden by the managed configuration.
  [[nodiscard]] result<policy_change> add_allowed_domain(std::string_view pattern);
  /// The same for the deny list, which wins.
  [[nodiscard]] result<policy_change> add_denied_domain(std::string_view pattern);

  /// What would become of a request. Looks names up as the proxy does; asks no decider.
  /// @param url  `http://…`, `https://…`, or `host[:port]` for a tunnel.
  /// @returns invalid_argument for a URL that cannot be read.
  [[nodiscard]] result<explanation> explain(std::string_view url,
                                            std::string_view method = "GET") const;
  [[nodiscard]] result<blocked_requests> blocked() const;
  /// The configuration in force as JSON; secrets are "<redacted>".
  [[nodiscard]] result<std::string> current_config() const;

  /// Makes a child process with this environment use the proxy: sets the variables that clients
  /// read (HTTP_PROXY and its like, with `mitm` the CA), and takes out what a child must not see
  /// (where the configuration has its secrets from). May write files below `$CODEX_HOME/proxy`.
  /// @returns not_running, or invalid_config where clients would need a password that is not known.
  [[nodiscard]] result<void> apply_to_env(std::map<std::string, std::string>& environment) const;

  /// Takes in nobody any more, lets what is under way end, at most for `grace`, then ends the rest.
  /// @returns whether nothing had to be cut off.
  [[nodiscard]] result<bool> shutdown(std::chrono::milliseconds grace);
  /// Waits until it has ended: by `shutdown`, by a handle that goes, or because it failed. Returns
  /// at once where the configuration is not `enabled`.
  /// @returns `failed` with the reason.
  [[nodiscard]] result<void> wait() const;

  struct impl;
  explicit handle(std::shared_ptr<impl> made);

private:
  friend struct proxy::embed::access;
  std::shared_ptr<impl> impl_;
};

/// Collects what a proxy is made of. Calls may come in any order; the last of two of a kind counts,
/// but for `config_file` and `set`, which add up. May build more than one proxy.
class CODEX_API network_proxy::builder {
public:
  builder();
  builder(builder&&) noexcept;
  builder& operator=(builder&&) noexcept;
  ~builder();

  // The managed configuration (`/etc/codex/config.toml`), where there is one, bounds all of it.

  /// Takes the place of the user's configuration (`$CODEX_HOME/config.toml`).
  builder& config(network_config values);
  /// Takes the place of the user's configuration; a later one wins over the ones before.
  builder& config_file(std::string path);
  /// `KEY=VALUE` as on the command line (`mode="limited"`); above all files.
  builder& set(std::string assignment);

  /// `ip:port`; port 0 takes any free one. Without: what the configuration says. What is not
  /// loopback becomes it, unless the configuration says dangerously_allow_non_loopback_proxy.
  builder& http_addr(std::string address);
  builder& socks_addr(std::string address); ///< The same.
  /// Without it there is no admin API.
  builder& admin_addr(std::string address);
  /// Takes free ports on loopback, whatever the configuration or the two functions above say.
  builder& managed_by_codex(bool managed = true);

  /// How many loops serve clients; 0: one for each core.
  builder& workers(unsigned count);
  builder& metadata(audit_metadata values);
  builder& attributes(connection_attributes values);
  /// In place of the environment of this process, as it is when `build` is called.
  builder& environment(std::map<std::string, std::string> variables);

  /// Is asked about what no rule allows; without one that is refused. Called on threads that are
  /// there for it, several at a time (`decider_threads`).
  /// @param decide  One of
  ///   - `network_decision(const policy_request&)`: may take its time;
  ///   - `std::future<network_decision>(const policy_request&)`;
  ///   - `void(const policy_request&, decision_reply)`: answers when it likes.
  /// One that has not answered within `decider.timeout` (30 s), throws, or drops the reply, denies.
  template <class F>
  builder& policy_decider(F decide) {
    if constexpr (std::is_invocable_v<F&, const policy_request&, decision_reply>)
      return decide_by_reply(std::move(decide));
    else if constexpr (std::is_invocable_r_v<network_decision, F&, const policy_request&>)
      return decide_by_value(std::move(decide));
    else
      return decide_by_future(std::move(decide));
  }
  /// How many calls of a decider may be under way at a time; 32 without it. Others wait.
  builder& decider_threads(unsigned count);

  /// Hears of each refusal, in order. Those that it is too slow for (10,000 wait) it does not hear
  /// of.
  builder& blocked_request_observer(std::function<void(const blocked_request&)> observe);
  /// Gets each audit event as a line of JSON, without its end, in place of `audit.output`.
  builder& audit_sink(std::function<void(std::string_view line)> take);
  /// Gets the lines of the log, without their ends. Without it there is no log.
  builder& log_sink(std::function<void(std::string_view line)> take);

  /// Reads the configuration, and binds the addresses.
  /// @returns invalid_argument, invalid_config, cannot_bind or no_resources. Nothing is left behind
  ///          then.
  [[nodiscard]] result<network_proxy> build();

  struct impl;

private:
  builder& decide_by_reply(std::function<void(const policy_request&, decision_reply)> decide);
  builder& decide_by_value(std::function<network_decision(const policy_request&)> decide);
  builder&
  decide_by_future(std::function<std::future<network_decision>(const policy_request&)> decide);

  friend struct proxy::embed::access;
  std::unique_ptr<impl> impl_;
};

} // namespace codex
