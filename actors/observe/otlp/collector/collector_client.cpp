#include "actors/observe/otlp/collector/collector_client.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "actors/version.hpp"
#include "protocols/error.hpp"

namespace proxy {

namespace {

/// How long a connection may take to be made, the handshake of TLS included.
constexpr std::chrono::milliseconds connect_patience{5'000};

caf::error not_sent(std::string why) { return caf::make_error(errc::system, std::move(why)); }

/// Whether a header's name or value could end its line.
bool breaks_line(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// Opening a pipe would wait for whoever writes to it, and with us all that is to be sent.
bool is_file(const std::string& path) noexcept {
  std::error_code why;
  return std::filesystem::is_regular_file(path, why);
}

size_t append_body(char* data, size_t, size_t size, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size > collector_client::longest_answer)
    return 0; // ends the request
  body.append(data, size);
  return size;
}

} // namespace

/// The request of a signal, and all that libcurl looks at until it is answered.
struct collector_client::exchange {
  explicit exchange(const curl_library& of) : curl(of), handle(of.easy_init()) {}
  exchange(const exchange&) = delete;
  ~exchange() {
    if (handle)
      curl.easy_cleanup(handle);
    curl.slist_free_all(headers);
  }

  /// Remembers the first option that libcurl does not take.
  template <class T>
  void set(CURLoption option, T value) {
    if (auto code = curl.easy_setopt(handle, option, value); failed == CURLE_OK)
      failed = code;
  }
  void set_file(CURLoption option, const std::string& path) {
    if (path.empty())
      return;
    if (!is_file(path))
      no_file = path;
    set(option, path.c_str());
  }
  /// One that libcurl may be built without, and then does not need.
  template <class T>
  void set_where_known(CURLoption option, T value) {
    if (auto code = curl.easy_setopt(handle, option, value);
        failed == CURLE_OK && code != CURLE_NOT_BUILT_IN && code != CURLE_UNKNOWN_OPTION)
      failed = code;
  }
  void add_header(const std::string& line) {
    auto* longer = curl.slist_append(headers, line.c_str());
    if (!longer)
      failed = CURLE_OUT_OF_MEMORY;
    else
      headers = longer;
  }

  void reset(collector_request next);
  void set_way(const config::otlp_signal& to);
  void set_trust(const config::otlp_signal& to);
  void set_headers(const config::otlp_signal& to);
  void set_body();
  [[nodiscard]] collector_answer answer_of(CURLcode code);

  const curl_library& curl;
  CURL* handle;
  curl_slist* headers = nullptr;
  collector_request request;
  std::string body; ///< Of the answer.
  std::array<char, CURL_ERROR_SIZE> words{};
  CURLcode failed = CURLE_OK;
  std::string no_file; ///< A path that names none; "" for none such.
  bool under_way = false;
  std::optional<collector_answer> answer;
};

void collector_client::exchange::reset(collector_request next) {
  curl.easy_reset(handle); // keeps connections
  curl.slist_free_all(std::exchange(headers, nullptr));
  request = std::move(next);
  body.clear();
  words.front() = '\0';
  failed = CURLE_OK;
  no_file.clear();
  answer.reset();
}

/// Where it goes, and nowhere else.
void collector_client::exchange::set_way(const config::otlp_signal& to) {
  set(CURLOPT_URL, to.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, ""); // none, whatever HTTP_PROXY and its like say: they may name us
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // a name server that hangs does not keep the thread from ending
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::min<std::chrono::milliseconds>(to.timeout, connect_patience).count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(to.timeout.count()));
}

void collector_client::exchange::set_trust(const config::otlp_signal& to) {
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (to.url.starts_with("http://"))
    return; // they are not looked at
  set_file(CURLOPT_CAINFO, to.ca_file);
  if (!to.ca_file.empty()) {
    // The folder of the system's CAs, which libcurl may know from its build, would count besides.
    set_where_known(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    // Else a file that is replaced counts a day later.
    set_where_known(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  }
  set_file(CURLOPT_SSLCERT, to.cert_file);
  set_file(CURLOPT_SSLKEY, to.key_file);
  // Of a key that has a passphrase: without this OpenSSL asks for it at the terminal, and waits.
  set(CURLOPT_KEYPASSWD, "");
}

void collector_client::exchange::set_headers(const config::otlp_signal& to) {
  add_header(to.encoding == config::otlp_encoding::json ? "Content-Type: application/json"
                                                        : "Content-Type: application/x-protobuf");
  if (request.is_gzip)
    add_header("Content-Encoding: gzip");
  add_header("Expect:"); // bodies go at once, without a question
  for (const auto& [name, value] : to.headers)
    if (breaks_line(name) || breaks_line(value))
      failed = CURLE_BAD_FUNCTION_ARGUMENT;
    else
      add_header(value.empty() ? name + ';' : std::string{name}.append(": ").append(value));
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_USERAGENT, (std::string{"codex-network-proxy/"} + std::string{version}).c_str());
}

void collector_client::exchange::set_body() {
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, request.body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  set(CURLOPT_WRITEFUNCTION, &append_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&body));
  set(CURLOPT_ERRORBUFFER, words.data());
}

collector_answer collector_client::exchange::answer_of(CURLcode code) {
  collector_answer out;
  long status = 0;
  curl_off_t seconds = 0;
  curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl.easy_getinfo(handle, CURLINFO_RETRY_AFTER, &seconds);
  // An answer whose body is too long is one all the same.
  auto is_answered = status >= 200 && (code == CURLE_OK || code == CURLE_WRITE_ERROR);
  if (!is_answered) {
    out.error = words.front() ? words.data() : curl.easy_strerror(code);
    return out;
  }
  out.what.status = static_cast<uint16_t>(std::min(status, 999L));
  if (seconds > 0)
    out.what.retry_after = std::chrono::seconds{seconds};
  if (code == CURLE_OK)
    out.body = std::move(body);
  return out;
}

collector_client::collector_client(curl_library library)
  : curl_(library), multi_(curl_.multi_init()) {}

collector_client::~collector_client() {
  for (auto& one : all_)
    if (one && one->under_way)
      curl_.multi_remove_handle(multi_, one->handle);
  all_ = {};
  if (multi_)
    curl_.multi_cleanup(multi_);
}

caf::expected<std::unique_ptr<collector_client>>
collector_client::make(caf::expected<curl_library> library) {
  if (!library)
    return std::move(library.error());
  std::unique_ptr<collector_client> out{new collector_client{*library}};
  if (!out->multi_)
    return not_sent("no memory for a client");
  return out;
}

caf::error collector_client::begin(telemetry_signal of, const config::otlp_signal& to,
                                   collector_request request) {
  auto& one = all_[static_cast<size_t>(of)];
  if (!one)
    one = std::make_unique<exchange>(curl_);
  if (!one->handle)
    return not_sent("no memory for a request");
  one->reset(std::move(request));
  one->set_way(to);
  one->set_trust(to);
  one->set_headers(to);
  one->set_body();
  if (!one->no_file.empty())
    return not_sent(one->no_file + " is not a file that can be read");
  if (one->failed != CURLE_OK)
    return not_sent(curl_.easy_strerror(one->failed));
  if (curl_.multi_add_handle(multi_, one->handle) != CURLM_OK)
    return not_sent("libcurl takes no request");
  one->under_way = true;
  return {};
}

void collector_client::cancel(telemetry_signal of) noexcept {
  auto& one = all_[static_cast<size_t>(of)];
  if (!one || !one->under_way)
    return;
  curl_.multi_remove_handle(multi_, one->handle);
  one->under_way = false;
  one->request.body = {};
}

bool collector_client::is_busy() const noexcept {
  return std::ranges::any_of(all_, [](const auto& one) { return one && one->under_way; });
}

void collector_client::wait(int descriptor, std::chrono::milliseconds limit) {
  int running = 0;
  curl_.multi_perform(multi_, &running);
  auto ended = [&] {
    auto any = false;
    int more = 0;
    while (auto* news = curl_.multi_info_read(multi_, &more))
      if (news->msg == CURLMSG_DONE) {
        finish(news->easy_handle, news->data.result);
        any = true;
      }
    return any;
  };
  if (ended())
    return;
  curl_waitfd wake{descriptor, CURL_WAIT_POLLIN, 0};
  curl_.multi_poll(multi_, &wake, 1, static_cast<int>(limit.count()), nullptr);
  curl_.multi_perform(multi_, &running);
  (void)ended();
}

void collector_client::finish(CURL* handle, CURLcode code) {
  curl_.multi_remove_handle(multi_, handle);
  for (auto& one : all_)
    if (one && one->handle == handle) {
      one->under_way = false;
      one->answer = one->answer_of(code);
      one->request.body = {};
    }
}

std::optional<collector_answer> collector_client::take(telemetry_signal of) {
  auto& one = all_[static_cast<size_t>(of)];
  return one ? std::exchange(one->answer, std::nullopt) : std::nullopt;
}

} // namespace proxy
