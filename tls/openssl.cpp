#include "tls/openssl.hpp"

#include <ctime>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace proxy::tls {

namespace {

constexpr size_t max_name_text = 200;

std::string content_of(BIO& memory) {
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(&memory, &bytes);
  return size > 0 ? std::string(bytes, static_cast<size_t>(size)) : std::string{};
}

} // namespace

std::string last_error() {
  std::string text = "unknown error";
  if (auto code = ERR_peek_last_error(); code != 0) {
    const auto* reason = ERR_reason_error_string(code);
    text = reason ? reason : "error " + std::to_string(code);
  }
  ERR_clear_error();
  return text;
}

caf::error failure(std::string_view what) {
  return caf::make_error(errc::system, std::string{what} + ": " + last_error());
}

caf::error refused(std::string text) {
  ERR_clear_error();
  return caf::make_error(errc::invalid_config, std::move(text));
}

int no_password(char*, int, int, void*) { return -1; }

std::string text_of(const X509_NAME* name) {
  bio_ptr memory{BIO_new(BIO_s_mem())};
  if (!name || !memory ||
      X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV) < 0)
    return {};
  auto text = content_of(*memory);
  if (text.size() > max_name_text)
    text.replace(max_name_text - 3, std::string::npos, "...");
  return text.empty() ? "(empty)" : text;
}

std::string text_of(const ASN1_TIME* time) {
  std::tm parts{};
  char text[40];
  if (!time || ASN1_TIME_to_tm(time, &parts) != 1 ||
      std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
    return "an unreadable time";
  return text;
}

time_point time_of(const ASN1_TIME* time) noexcept {
  std::tm parts{};
  if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
    return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

bio_ptr reader_of(std::string_view bytes) {
  return bio_ptr{BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))};
}

std::string pem_of(X509& certificate) {
  bio_ptr memory{BIO_new(BIO_s_mem())};
  if (!memory || PEM_write_bio_X509(memory.get(), &certificate) != 1)
    return {};
  return content_of(*memory);
}

} // namespace proxy::tls
