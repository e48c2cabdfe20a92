#include "actors/log.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <mutex>
#include <string>

#include "actors/line_writer.hpp"
#include "actors/log_line.hpp"

namespace proxy {

namespace {

/// Lines that may wait for stderr.
constexpr size_t queue_size = 8192;

/// Lays a record out as text or JSON.
class line_formatter final : public spdlog::formatter {
public:
  explicit line_formatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& out) override {
    log_record record{msg.time, msg.level, {msg.payload.data(), msg.payload.size()}};
    line_.clear();
    if (json_)
      append_json_line(line_, record);
    else
      append_text_line(line_, record);
    out.append(line_.data(), line_.data() + line_.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<line_formatter>(json_);
  }

private:
  bool json_;
  std::string line_;
};

/// Stderr that loses lines rather than hanging.
class stderr_sink final : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(const spdlog::details::log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    // Lines that stderr does not take are lost: there is no other place to complain at.
    (void)out_.write({line.data(), line.size()});
  }
  void flush_() override {}

  line_writer out_{STDERR_FILENO};
};

/// Keeps the thread as long as the logger; destroying the pool writes what is queued.
struct logger_owner {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

} // namespace

std::shared_ptr<spdlog::logger> make_logger(const config::log& settings) {
  auto owner = std::make_shared<logger_owner>();
  owner->pool = std::make_shared<spdlog::details::thread_pool>(queue_size, 1);
  owner->logger =
    std::make_shared<spdlog::async_logger>("proxy", std::make_shared<stderr_sink>(), owner->pool,
                                           spdlog::async_overflow_policy::overrun_oldest);
  // A message that does not format is a mistake of ours; the library would tell stderr by itself.
  owner->logger->set_error_handler([](const std::string&) {});
  proxy::apply(*owner->logger, settings); // unqualified, the base class would bring in std::apply
  return {owner, owner->logger.get()};
}

void apply(spdlog::logger& logger, const config::log& settings) {
  logger.set_formatter(std::make_unique<line_formatter>(settings.format == "json"));
  logger.set_level(level_named(settings.level));
}

} // namespace proxy
