#include "actors/observe/audit.hpp"

#include <caf/send.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tls/files.hpp"

namespace proxy {

namespace {

constexpr std::string_view file_prefix = "file:";

/// A batch is written when it has this size, or when no event waits behind it.
constexpr size_t max_batch_bytes = 64 * 1024;

void write_batch(audit_state& state, const audit_start& around) {
  if (state.batched == 0)
    return;
  auto lost = state.sink.write(state.batch);
  around.queue->leave(state.batched);
  around.queue->dropped.fetch_add(lost, std::memory_order_relaxed);
  state.batch.clear();
  state.batched = 0;
  auto failing = lost > 0;
  if (failing && !state.failing)
    around.log->error("msg=\"audit events are lost\" output={} error={}",
                      quoted_text(state.sink.output()),
                      quoted_text(std::strerror(state.sink.error())));
  else if (!failing && state.failing)
    around.log->info("msg=\"audit events are written again\" output={}",
                     quoted_text(state.sink.output()));
  state.failing = failing;
}

/// Opens `output` in place of the sink; the old one stays when that fails.
bool replace_sink(audit_state& state, logger& log, const std::string& output) {
  auto next = audit_sink::open(output);
  if (!next) {
    log.error("msg=\"cannot open the audit output\" cause={}",
              quoted_text(context_of(next.error())));
    return false;
  }
  state.sink = std::move(*next);
  return true;
}

} // namespace

audit_sink::audit_sink(audit_sink&& other) noexcept { *this = std::move(other); }

audit_sink& audit_sink::operator=(audit_sink&& other) noexcept {
  std::swap(output_, other.output_);
  std::swap(taker_, other.taker_);
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(out_, other.out_);
  return *this;
}

audit_sink::~audit_sink() {
  if (owned_)
    ::close(fd_);
}

caf::expected<audit_sink> audit_sink::open(const std::string& output) {
  audit_sink sink;
  sink.output_ = output;
  if (output == "stderr") {
    sink.fd_ = STDERR_FILENO;
  } else if (output.starts_with(file_prefix)) {
    auto path = output.substr(file_prefix.size());
    if (auto err = tls::check_folder_of(path, tls::shared_by_root::yes))
      return err;
    // Not blocking: a FIFO without a reader must not hold the proxy up.
    sink.fd_ =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (sink.fd_ < 0)
      return caf::make_error(errc::system, path + ": " + std::strerror(errno));
    sink.owned_ = true;
  }
  sink.out_ = line_writer{sink.fd_};
  return sink;
}

size_t audit_sink::write(std::string_view lines) {
  if (taker_)
    return taker_(lines);
  return fd_ < 0 ? 0 : out_.write(lines);
}

audit_actor::behavior_type audit(audit_actor::stateful_pointer<audit_state> self,
                                 audit_start start) {
  if (start.taker)
    self->state.sink = audit_sink{start.taker};
  self->state.metadata = metadata_members(start.metadata);
  auto around = std::make_shared<const audit_start>(std::move(start));
  return {
    [self, around](atom::record, const decision_event_ptr& event) {
      auto& state = self->state;
      append_audit_lines(state.batch, *event, state.metadata);
      ++state.batched;
      if (state.batch.size() >= max_batch_bytes) {
        write_batch(state, *around);
      } else if (!state.flushing) {
        // Comes after the events that wait already, so they share one write.
        state.flushing = true;
        caf::anon_send(audit_actor{self}, atom::flush_v);
      }
    },
    [self, around](atom::configure, const config_ptr& config) {
      auto& state = self->state;
      write_batch(state, *around);
      auto metadata = around->metadata;
      const auto& more = config->otel.attributes;
      metadata.insert(metadata.end(), more.begin(), more.end());
      state.metadata = metadata_members(metadata);
      auto output = config->audit.output;
      if (output == "stderr" && !around->has_stderr)
        output = "none";
      return around->taker || output == state.sink.output() ||
             replace_sink(state, *around->log, output);
    },
    [self, around](atom::reopen) {
      auto& state = self->state;
      write_batch(state, *around);
      if (!around->taker)
        (void)replace_sink(state, *around->log,
                           std::string{state.sink.output()}); // its failure is logged
    },
    [self, around](atom::flush) {
      auto& state = self->state;
      state.flushing = false;
      write_batch(state, *around);
      return !state.failing;
    },
  };
}

} // namespace proxy
