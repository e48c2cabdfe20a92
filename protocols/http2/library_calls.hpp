#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace proxy::http2 {

class session;
class stream;

struct callbacks_deleter {
  void operator()(nghttp2_session_callbacks* c) const noexcept { nghttp2_session_callbacks_del(c); }
};
using callbacks_ptr = std::unique_ptr<nghttp2_session_callbacks, callbacks_deleter>;

/// What the library calls, with the session as its last argument: what came in and what has left.
/// Nothing here resumes a flow: streams with news are listed.
class library_calls {
public:
  /// All of them, to make a session of the library with.
  [[nodiscard]] static callbacks_ptr make();

private:
  // What came in.
  static int on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session* library, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*);
  /// A whole frame; of DATA, its bytes were told already.
  static int on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session* library, uint8_t, int32_t id, const uint8_t* bytes,
                     size_t size, void* user);
  /// A stream that the library resets before there is one: beyond the limit, or no request at all.
  static int on_invalid(nghttp2_session* library, const nghttp2_frame* frame, int, void* user);

  // What has left, or could not.
  static int on_sent(nghttp2_session* library, const nghttp2_frame* frame, void*);
  static int on_not_sent(nghttp2_session* library, const nghttp2_frame* frame, int why, void* user);

  // The end of a stream, and words for that of the connection.
  static int on_close(nghttp2_session* library, int32_t id, uint32_t error, void* user);
  static int on_error(nghttp2_session*, int, const char* words, size_t size, void* user);

  static void take_headers(session& me, stream& s, bool ended);
  static void take_section(session& me, stream& s, bool ended);
  static void sent_end(stream& s);
};

} // namespace proxy::http2
