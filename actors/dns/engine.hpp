#pragma once

#include <caf/typed_response_promise.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/dns/cache.hpp"
#include "actors/dns/channel.hpp"
#include "actors/dns/file_watch.hpp"
#include "actors/dns/hosts_file.hpp"
#include "actors/dns/search_domains.hpp"
#include "actors/messages.hpp"

namespace proxy {

/// What `resolver` does: knows some names at once, and looks the others up. One loop, no locks.
class dns_engine {
public:
  using promise = caf::typed_response_promise<dns_answer>;

  /// Look-ups at once, those included that nobody waits for any more. Beyond it: errc::dns_error.
  static constexpr size_t max_lookups = 4096;
  /// How long a timeout is remembered: enough to spare a server that is down a stampede.
  static constexpr std::chrono::milliseconds timeout_ttl{1000};

  dns_engine(event_loop& loop, const config::proxy_config& config, log_ptr log);
  /// Answers all who wait with errc::cancelled.
  ~dns_engine();

  dns_engine(const dns_engine&) = delete;
  dns_engine& operator=(const dns_engine&) = delete;

  /// Goes by new settings, forgets what is cached, and asks again what is being asked.
  void configure(const config::proxy_config& config);

  /// What is known of a name without asking anybody; nothing when it must be looked up.
  [[nodiscard]] std::optional<caf::expected<dns_answer>> known(const std::string& name);

  /// Looks a name up that `known` does not know, or joins the look-up that is under way.
  void look_up(const std::string& name, promise waiting);

private:
  /// One name that is being looked up. Its timer is the deadline.
  struct lookup final : timer {
    lookup(dns_engine& of, std::string text, uint64_t number)
      : engine(of), name(std::move(text)), question(number), held(of.loop_.memory()) {}
    void on_timer() override;
    /// The name that is being asked for.
    [[nodiscard]] const std::string& current() const { return candidates[at]; }
    dns_engine& engine;
    std::string name;
    /// Tells it from an earlier one of the same name that nobody waits for any more.
    uint64_t question;
    std::vector<std::string> candidates; ///< What is asked for the name, one after the other.
    size_t at = 0;
    bool has_name = false;              ///< One of them exists, without an address.
    bool has_failed = false;            ///< A server failed over one of them.
    bool uncertain = false;             ///< Nobody said of one of them that it does not exist.
    std::optional<caf::error> at_first; ///< What became of the name as written, if that came first.
    std::vector<promise> waiting;       ///< Some may belong to connections that are gone.
    held_bytes held;
  };

  void open_channel();
  /// Takes over what the machine's resolv.conf says by now.
  void follow_system();
  void on_records(const std::string& name, uint64_t question, const std::string& as,
                  dns_records found);
  /// Goes on after a candidate without an address. @returns false when it was the last.
  [[nodiscard]] bool try_next(lookup& what, const dns_records& failed);
  /// What nobody having an address for a name amounts to.
  [[nodiscard]] caf::error failure_of(const lookup& what, const dns_records& last) const;
  [[nodiscard]] caf::error describe(const std::string& name, const dns_records& failed) const;
  [[nodiscard]] caf::error timeout_of(const std::string& name) const;
  /// Who is asked, in words.
  [[nodiscard]] std::string servers() const;
  void finish(const std::string& name, const dns_result& result);
  void remember(const std::string& name, const dns_result& result, std::chrono::milliseconds ttl);

  event_loop& loop_;
  config::dns settings_;
  std::chrono::milliseconds patience_{};
  log_ptr log_;
  hosts_file hosts_;
  dns_cache cache_;
  file_watch resolv_conf_; ///< A laptop that changes networks gets other name servers and domains.
  search_domains search_;
  std::unordered_map<std::string, std::unique_ptr<lookup>> lookups_;
  uint64_t last_question_ = 0;
  std::unique_ptr<dns_channel> channel_;
};

} // namespace proxy
