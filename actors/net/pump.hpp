#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "actors/net/transport.hpp"
#include "protocols/http1/chunked.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy {

/// Moves bytes one way between two transports, no faster than the receiver takes them. Small
/// messages are copied through the loop's scratch buffer; once reads come back large, sockets in
/// the clear are spliced (DESIGN note in README.md). Pipe and buffer are held only while bytes are
/// in flight.
class pump {
public:
  static constexpr uint64_t unlimited = std::numeric_limits<uint64_t>::max();

  enum class status : uint8_t {
    blocked,       ///< Nothing to do before one of the ends is ready.
    busy,          ///< Moved its share of this turn; there is more.
    finished,      ///< `limit` bytes were delivered.
    source_ended,  ///< The sender's stream ended and all of it was delivered.
    source_failed, ///< Reading failed (errno in `error`); what was read is delivered.
    sink_failed,   ///< Writing failed.
    malformed,     ///< The sender's chunked framing broke; see `framing_error`.
  };

  /// What ends the stream that is moved.
  struct until_end {};
  struct length {
    uint64_t bytes;
  };
  struct chunks {
    bool decode = false; ///< Deliver the data without its framing (HTTP/1.0 clients).
    http1::trailer_rules trailers{};
  };

  explicit pump(until_end = {}) noexcept : left_(unlimited) {}
  explicit pump(length all) noexcept : left_(all.bytes) {}
  explicit pump(chunks how)
    : left_(unlimited), chunked_(std::make_unique<chunk_follower>(std::move(how))) {}
  pump(const pump&) = delete;
  pump& operator=(const pump&) = delete;
  ~pump() {
    if (pipe_)
      lender_->discard(pipe_);
  }

  /// Bytes of ours that go first and are no part of the stream: a message head.
  void put_first(std::string_view bytes) { held_.append(bytes); }

  /// Keeps a copy of what of the stream is read, as long as it is not larger than this, so that it
  /// can be sent again.
  void keep_copy(size_t most) {
    copy_ = most > 0 ? std::make_unique<copied>(copied{.most = most}) : nullptr;
  }
  /// The copy; nullopt when there is none, or the stream has become larger. There is none then.
  [[nodiscard]] std::optional<std::string> take_copy() noexcept {
    return copy_ ? std::optional{std::move(copy_->bytes)} : std::nullopt;
  }
  void drop_copy() noexcept { copy_ = nullptr; }

  /// Begins: sends `head` (no part of the stream) and what of `rest`, read elsewhere, belongs to
  /// the stream, in one call. What the receiver does not take is held.
  struct started {
    status what;  ///< As `run`.
    size_t taken; ///< Bytes of `rest` that belong to the stream; the others to the sender's next
                  ///< message.
  };
  [[nodiscard]] started start(transport& to, std::string_view head, std::string_view rest);

  /// Moves what can be moved now.
  [[nodiscard]] status run(event_loop& loop, transport& from, transport& to);

  [[nodiscard]] uint64_t moved() const noexcept { return moved_; }
  /// Bytes of data, without their framing, that a chunked stream had so far; nullopt for any other.
  [[nodiscard]] std::optional<uint64_t> chunk_data() const noexcept {
    return chunked_ ? std::optional{chunked_->decoder.data_size()} : std::nullopt;
  }
  [[nodiscard]] int error() const noexcept { return error_; }
  /// @pre a `chunks` stream is `malformed`
  [[nodiscard]] const caf::error& framing_error() const noexcept { return chunked_->error; }
  /// The whole stream was read and delivered: never true of a stream that ends with its connection,
  /// nor of one whose last bytes were read and then could not be written.
  [[nodiscard]] bool finished() const noexcept {
    return left_ == 0 && !holds_bytes() && error_ == 0;
  }
  /// Whether the end of the sender's connection is the proper end of the stream.
  [[nodiscard]] bool ends_with_source() const noexcept { return left_ == unlimited && !chunked_; }
  /// Bytes read beyond the stream's end: the start of the sender's next message.
  [[nodiscard]] std::string take_excess() noexcept {
    return excess_ ? std::move(*std::exchange(excess_, nullptr)) : std::string{};
  }
  /// Bytes in buffers of its own.
  [[nodiscard]] size_t held() const noexcept {
    return held_.capacity() + (excess_ ? excess_->capacity() : 0) +
           (chunked_ ? chunked_->decoded.capacity() : 0) + (copy_ ? copy_->bytes.capacity() : 0);
  }
  /// Waits for the receiver (not for the sender).
  [[nodiscard]] bool holds_bytes() const noexcept { return held_.size() > sent_ || in_pipe_ > 0; }

private:
  enum class moved_state : uint8_t { idle, blocked, progress, failed };

  /// Follows chunked framing.
  struct chunk_follower {
    explicit chunk_follower(chunks how)
      : decode(how.decode), decoder(how.trailers.of_response ? http1::chunk_rules::lenient
                                                             : http1::chunk_rules::strict),
        trailers(std::move(how.trailers)) {}

    bool decode;
    http1::chunked_decoder decoder;
    http1::trailer_rules trailers;
    std::string decoded; ///< What to deliver of the last read, where it is not what came.
    caf::error error;
  };
  struct copied {
    size_t most;
    std::string bytes{};
  };

  [[nodiscard]] moved_state flush(event_loop& loop, transport& to);
  [[nodiscard]] status copy_once(event_loop& loop, transport& from, transport& to);
  [[nodiscard]] status splice_once(event_loop& loop, transport& from, transport& to);
  [[nodiscard]] status source_over(const io_result& r) noexcept;
  /// A trailer section is held back until it is whole.
  /// @returns what of `bytes` is to be delivered; nullopt: malformed.
  [[nodiscard]] std::optional<std::string_view> follow(std::string_view bytes);
  void set_excess(std::string_view bytes) {
    excess_ = bytes.empty() ? nullptr : std::make_unique<std::string>(bytes);
  }
  [[nodiscard]] size_t excess_size() const noexcept { return excess_ ? excess_->size() : 0; }
  /// Adds what was read to the copy, if one is kept.
  void copy(std::string_view bytes) {
    if (copy_ && copy_->bytes.size() + bytes.size() > copy_->most)
      drop_copy();
    else if (copy_)
      copy_->bytes += bytes;
  }

  uint64_t left_;      ///< Still to be read from the sender.
  uint64_t moved_ = 0; ///< Delivered.
  std::string held_;   ///< Read but not yet delivered, from `sent_` on.
  size_t sent_ = 0;
  pipe_pool* lender_ = nullptr; ///< Of `pipe_`.
  pipe_ends pipe_;              ///< Held while `in_pipe_` is not 0.
  size_t in_pipe_ = 0;
  int error_ = 0;
  bool bulk_ = false; ///< Splice instead of copying.
  // An idle tunnel has two pumps: what most streams do without takes no room in them.
  std::unique_ptr<chunk_follower> chunked_; ///< Null for other framing.
  /// What was read of the sender's next message; null: nothing.
  std::unique_ptr<std::string> excess_;
  std::unique_ptr<copied> copy_; ///< Null: nothing is kept.
};

} // namespace proxy
