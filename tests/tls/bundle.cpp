#define CAF_SUITE tls.bundle
#include "tls/bundle.hpp" // unit under test

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "tests/tls/conversation.hpp"
#include "tls/certificate.hpp"
#include "tls/java_store.hpp"
#include "tls/roots.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

/// A root of somebody's, as a PEM block; with attributes of trust when it is to be TRUSTED.
certificate_ptr root_called(std::string_view name) {
  auto key = make_key();
  certificate_builder draft{*key};
  return unbox(draft.valid(now() - 1h, now() + 24h)
                 .subject_name("", name)
                 .issuer_is_subject()
                 .basic_constraints(true)
                 .sign(*key));
}

std::string trusted_pem_of(X509& certificate, int trust, int reject = NID_undef) {
  if (trust != NID_undef)
    X509_add1_trust_object(&certificate, OBJ_nid2obj(trust));
  if (reject != NID_undef)
    X509_add1_reject_object(&certificate, OBJ_nid2obj(reject));
  bio_ptr memory{BIO_new(BIO_s_mem())};
  PEM_write_bio_X509_AUX(memory.get(), &certificate);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

struct fixture {
  /// The bundle's content, written from `sources`.
  std::string bundle() {
    report = unbox(write_bundle(paths, sources, *ca));
    return content_of(paths.pem);
  }
  /// What is said when the bundle is refused.
  std::string refusal() {
    auto got = write_bundle(paths, sources, *ca);
    code = error_of(got);
    return words_of(got);
  }
  [[nodiscard]] bool has_note(std::string_view words) const {
    for (auto& note : report.notes)
      if (contains(note, words))
        return true;
    return false;
  }

  temp_folder folder;
  bundle_paths paths{folder / "home/proxy/ca-bundle.pem", folder / "home/proxy/ca-bundle.p12"};
  bundle_sources sources;
  authority_ptr ca = unbox(tls::authority::make(now()));
  std::string a = pem_of(*root_called("a")), b = pem_of(*root_called("b")),
              c = pem_of(*root_called("c")), d = pem_of(*root_called("d"));
  bundle_report report;
  errc code{};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(bundle_tests, fixture)

CAF_TEST(a bundle holds platform and user and our CA in this order and each once) {
  CAF_CHECK_EQUAL(bundle(), ca->pem());
  write(folder / "roots.pem", b + a + b);
  std::filesystem::create_directories(folder / "roots");
  write(folder / "roots/2", c);
  write(folder / "roots/1", a);
  write(folder / "user.pem", d + ca->pem() + a);
  sources.platform.files = {folder / "missing", folder / "roots.pem", folder / "user.pem"};
  sources.platform.folders = {folder / "nowhere", folder / "roots"};
  CAF_CHECK_EQUAL(bundle(), b + a + c + ca->pem());
  sources.cert_file = folder / "user.pem";
  CAF_CHECK_EQUAL(bundle(), b + a + c + d + ca->pem());
  CAF_CHECK_EQUAL(report.certificates, 5u);
  CAF_CHECK(report.notes.empty());
  CAF_CHECK_EQUAL(mode_of(paths.pem), 0644u);
  CAF_CHECK_EQUAL(mode_of(paths.java_store), 0644u);
  CAF_CHECK_EQUAL(mode_of(folder / "home/proxy"), 0700u);
}

CAF_TEST(nothing but certificates gets into a bundle) {
  auto key = make_key();
  bio_ptr memory{BIO_new(BIO_s_mem())};
  PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &bytes);
  std::string secret{bytes, static_cast<size_t>(size)};
  auto old = a;
  for (std::string_view line : {"-----BEGIN ", "-----END "})
    old.insert(old.find(line) + line.size(), "X509 ");
  sources.cert_file = folder / "user.pem";
  write(sources.cert_file, "password=hunter2\n" + secret + "subject: a\n" + old + secret + b +
                             "-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----\n" +
                             "-----BEGIN CERTIFICATE-----\n!\n" + c + d + "tail");
  auto got = bundle();
  CAF_CHECK(!contains(got, "PRIVATE") && !contains(got, "hunter2") && !contains(got, "tail"));
  CAF_CHECK(contains(got, a) && contains(got, b) && contains(got, d));
  CAF_CHECK(has_note("blocks cannot be read"));
}

CAF_TEST(what a block says about trust decides whether it is in and stays behind) {
  auto plain = root_called("plain"), server = root_called("server"), mail = root_called("mail"),
       bad = root_called("bad");
  auto plain_pem = pem_of(*plain), server_pem = pem_of(*server);
  sources.cert_file = folder / "user.pem";
  write(sources.cert_file, trusted_pem_of(*plain, NID_undef) +
                             trusted_pem_of(*server, NID_server_auth) +
                             trusted_pem_of(*mail, NID_email_protect) +
                             trusted_pem_of(*bad, NID_undef, NID_server_auth));
  CAF_CHECK(contains(content_of(sources.cert_file), "BEGIN TRUSTED CERTIFICATE"));
  CAF_CHECK_EQUAL(bundle(), plain_pem + server_pem + ca->pem());
  CAF_CHECK(has_note("2 are not trusted for servers"));
}

CAF_TEST(a bundle is not a source of itself) {
  sources.cert_file = folder / "user.pem";
  write(sources.cert_file, a);
  auto first = bundle();
  CAF_CHECK_EQUAL(first, a + ca->pem());
  // A proxy inside: its environment names the bundle, by another way, too.
  std::filesystem::create_symlink(paths.pem, folder / "link.pem");
  for (auto& inherited :
       {paths.pem, folder / "home/../home/proxy/ca-bundle.pem", folder / "link.pem"}) {
    sources.cert_file = inherited;
    sources.cert_dir = folder / "home/proxy";
    CAF_CHECK_EQUAL(bundle(), ca->pem());
  }
}

CAF_TEST(a user who trusts more has files of their own) {
  write(folder / "roots.pem", a);
  sources.platform.files = {folder / "roots.pem"};
  auto made = [&] { return unbox(write_user_bundle(paths, sources, ca->pem())); };
  // No more than the platform: what everybody has, and nothing is written.
  CAF_CHECK_EQUAL(made().paths.pem, paths.pem);
  CAF_CHECK(!std::filesystem::exists(folder / "home/proxy"));
  sources.named = {{"PIP_CERT", folder / "gone.pem"}, {"CURL_CA_BUNDLE", folder / "roots.pem"}};
  auto same = made();
  CAF_CHECK_EQUAL(same.paths.pem, paths.pem);
  CAF_REQUIRE_EQUAL(same.report.notes.size(), 1u);
  CAF_CHECK(contains(same.report.notes[0], "PIP_CERT"));
  write(folder / "corp.pem", b + "-----BEGIN X-----\nsecret\n-----END X-----\n");
  std::filesystem::create_directories(folder / "more");
  write(folder / "more/1", c);
  sources.named = {{"NODE_EXTRA_CA_CERTS", folder / "corp.pem"},
                   {"REQUESTS_CA_BUNDLE", folder / "more"}};
  auto own = made();
  CAF_CHECK(contains(own.paths.pem, folder / "home/proxy/ca-bundle-"));
  CAF_CHECK_EQUAL(content_of(own.paths.pem), a + b + c + ca->pem());
  CAF_CHECK_EQUAL(mode_of(own.paths.pem), 0644u);
  CAF_CHECK_EQUAL(mode_of(own.paths.java_store), 0644u);
  CAF_CHECK(!std::filesystem::exists(paths.pem));
  // Equal content, equal name; and a client of that client finds the same.
  CAF_CHECK_EQUAL(made().paths.pem, own.paths.pem);
  sources.named.clear();
  sources.cert_file = own.paths.pem;
  CAF_CHECK_EQUAL(made().paths.pem, own.paths.pem);
  sources.cert_file = folder / "gone.pem";
  CAF_CHECK_EQUAL(error_of(write_user_bundle(paths, sources, ca->pem())), errc::invalid_config);
  CAF_CHECK_EQUAL(error_of(write_user_bundle(paths, sources, "no PEM")), errc::invalid_config);
}

CAF_TEST(what no client has asked for in a month goes) {
  auto put = [&](const std::string& name, std::chrono::days age) {
    write(folder / name, "x");
    std::filesystem::last_write_time(folder / name,
                                     std::filesystem::file_time_type::clock::now() - age);
  };
  put("ca-bundle-0123456789abcdef.pem", std::chrono::days{31});
  put("apt-0123456789abcdef.conf", std::chrono::days{29});
  put("ca-bundle-0123456789abcdeg.pem", std::chrono::days{31}); // not ours
  put("ca-bundle.pem", std::chrono::days{31});
  auto made = unbox(write_client_file(folder / "apt.conf", "apt", "conf", "content", 0600));
  CAF_CHECK(contains(made, folder / "apt-"));
  CAF_CHECK_EQUAL(content_of(made), "content");
  CAF_CHECK_EQUAL(mode_of(made), 0600u);
  CAF_CHECK(!std::filesystem::exists(folder / "ca-bundle-0123456789abcdef.pem"));
  for (const auto* name :
       {"apt-0123456789abcdef.conf", "ca-bundle-0123456789abcdeg.pem", "ca-bundle.pem"})
    CAF_CHECK(std::filesystem::exists(folder / name));
}

CAF_TEST(what stands there already is left alone) {
  sources.cert_file = folder / "user.pem";
  write(sources.cert_file, a);
  (void)bundle();
  CAF_CHECK(report.is_new);
  auto number_of = [](const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
  };
  auto pem = number_of(paths.pem), store = number_of(paths.java_store);
  (void)bundle();
  CAF_CHECK(!report.is_new);
  CAF_CHECK_EQUAL(number_of(paths.pem), pem);
  CAF_CHECK_EQUAL(number_of(paths.java_store), store);
  ::chmod(paths.pem.c_str(), 0600);
  (void)bundle();
  CAF_CHECK(report.is_new);
  CAF_CHECK_EQUAL(mode_of(paths.pem), 0644u);
  CAF_CHECK_EQUAL(number_of(paths.java_store), store);
  // A reader keeps what it has opened: the file is another one.
  pem = number_of(paths.pem);
  std::ifstream reader{paths.pem};
  write(sources.cert_file, b);
  CAF_CHECK_EQUAL(bundle(), b + ca->pem());
  CAF_CHECK(report.is_new);
  CAF_CHECK_EQUAL(std::string(std::istreambuf_iterator<char>{reader}, {}), a + ca->pem());
  size_t files = 0;
  for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator{folder / "home/proxy"})
    ++files;
  CAF_CHECK_EQUAL(files, 2u); // no temporary one is left
}

CAF_TEST(links and folders in the way are refused) {
  std::filesystem::create_directories(folder / "home/proxy");
  write(folder / "victim", "untouched");
  for (auto& path : {paths.pem, paths.java_store}) {
    std::filesystem::create_symlink(folder / "victim", path);
    CAF_CHECK(contains(refusal(), "refusing to use symlink for the trust"));
    CAF_CHECK_EQUAL(code, errc::invalid_config);
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    CAF_CHECK(contains(refusal(), "is not a regular file: " + path));
    std::filesystem::remove(path);
  }
  CAF_CHECK_EQUAL(content_of(folder / "victim"), "untouched");
  CAF_CHECK_EQUAL(refusal(), "");
}

CAF_TEST(a file of the user that does not do is named) {
  sources.cert_file = folder / "user.pem";
  CAF_CHECK(contains(refusal(), "SSL_CERT_FILE " + sources.cert_file + " does not exist"));
  CAF_CHECK_EQUAL(code, errc::invalid_config);
  write(sources.cert_file, "nothing here");
  CAF_CHECK(contains(refusal(), "holds no certificate"));
  CAF_CHECK_EQUAL(code, errc::invalid_config);
  auto large = a + std::string((4 << 20) - a.size(), '\n');
  write(sources.cert_file, large);
  CAF_CHECK_EQUAL(refusal(), "");
  write(sources.cert_file, large + '\n');
  CAF_CHECK(contains(refusal(), "is larger than 4194304 bytes"));
  CAF_CHECK_EQUAL(mode_of(paths.pem), 0644u); // the earlier one stays
}

CAF_TEST(folders of the user are read within bounds) {
  for (const auto* name : {"one", "two", "many", "big"})
    std::filesystem::create_directory(folder / name);
  write(folder / "one/a.pem", a);
  write(folder / "one/notes.txt", "no certificate");
  std::filesystem::create_directory(folder / "one/below");
  write(folder / "one/below/d.pem", d);
  std::filesystem::create_symlink(folder / "nowhere", folder / "one/dangling");
  write(folder / "kept-elsewhere.pem", b);
  std::filesystem::create_symlink(folder / "kept-elsewhere.pem", folder / "two/0a1b2c3d.0");
  sources.cert_dir = ":" + (folder / "one") + "::" + (folder / "two") + ":" + (folder / "gone");
  CAF_CHECK_EQUAL(bundle(), a + b + ca->pem());
  CAF_CHECK_EQUAL(report.notes.size(), 1u);
  CAF_CHECK(has_note("gone is no folder"));
  for (int i = 0; i < 256; ++i)
    write(folder / ("many/" + std::to_string(i)), c);
  sources.cert_dir = folder / "many";
  CAF_CHECK_EQUAL(bundle(), c + ca->pem());
  CAF_CHECK(report.notes.empty());
  write(folder / "many/256", c);
  (void)bundle();
  CAF_CHECK(has_note("holds more than 256 files"));
  // The platform's own folder may be larger, and is read once.
  sources.platform.folders = {folder / "many"};
  (void)bundle();
  CAF_CHECK(report.notes.empty());
  sources.platform.folders.clear();
  write(folder / "big/1", a + std::string((4 << 20) - a.size() - 1, '\n'));
  write(folder / "big/2", b);
  sources.cert_dir = folder / "big";
  CAF_CHECK_EQUAL(bundle(), a + ca->pem());
  CAF_CHECK(has_note("holds more than 4194304 bytes"));
  sources.cert_dir.clear();
  for (int i = 0; i < 16; ++i)
    sources.cert_dir += (folder / "one") + ":";
  CAF_CHECK_EQUAL(bundle(), a + ca->pem());
  CAF_CHECK(report.notes.empty());
  sources.cert_dir += folder / "two";
  CAF_CHECK_EQUAL(bundle(), a + ca->pem());
  CAF_CHECK(has_note("more than 16 folders"));
}

CAF_TEST(a client that is given the bundle trusts what we mint and what the platform trusts) {
  auto other = unbox(tls::authority::make(now()));
  write(folder / "roots.pem", other->pem());
  sources.platform.files = {folder / "roots.pem"};
  (void)bundle();
  tls_fixture both;
  both.client = unbox(client_context::make({paths.pem, ""}));
  for (auto& by : {ca, other})
    CAF_CHECK(both.talk("example.com", *unbox(mint(by, parsed("example.com"), now())))->is_up());
  CAF_CHECK(!both.talk("example.com")->is_up()); // the fixture's own CA is unknown there
}

CAF_TEST(the platform this runs on has roots) {
  sources = {usual_roots(), "", ""};
  if (first_file(sources.platform.files).empty())
    return;
  (void)bundle();
  CAF_CHECK(report.certificates > 1);
}

CAF_TEST(the trust store holds the same certificates) {
  write(folder / "roots.pem", a + b);
  sources.platform.files = {folder / "roots.pem"};
  (void)bundle();
  auto encoded = content_of(paths.java_store);
  const auto* at = reinterpret_cast<const unsigned char*>(encoded.data());
  std::unique_ptr<PKCS12, freed_by<PKCS12_free>> store{
    d2i_PKCS12(nullptr, &at, static_cast<long>(encoded.size()))};
  CAF_REQUIRE(store != nullptr);
  EVP_PKEY* key = nullptr;
  X509* first = nullptr;
  STACK_OF(X509)* all = nullptr;
  CAF_CHECK_EQUAL(PKCS12_parse(store.get(), "wrong", &key, &first, &all), 0);
  CAF_REQUIRE_EQUAL(PKCS12_parse(store.get(), java_store_password, &key, &first, &all), 1);
  CAF_CHECK(key == nullptr && first == nullptr);
  std::string pem;
  for (int i = 0; i < sk_X509_num(all); ++i)
    pem += pem_of(*sk_X509_value(all, i));
  sk_X509_pop_free(all, X509_free);
  CAF_CHECK_EQUAL(pem, a + b + ca->pem());
  paths.java_store.clear();
  std::filesystem::remove(folder / "home/proxy/ca-bundle.p12");
  (void)bundle();
  CAF_CHECK_EQUAL(mode_of(folder / "home/proxy/ca-bundle.p12"), 0u);
}

CAF_TEST(a trust store of the user is read whatever its form) {
  write(folder / "roots.pem", a + b);
  sources.platform.files = {folder / "roots.pem"};
  (void)bundle();
  auto encoded = content_of(paths.java_store);
  CAF_CHECK_EQUAL(unbox(read_java_store(encoded, java_store_password)).size(), 3u);
  for (size_t size = 0; size < encoded.size(); size += 97)
    CAF_CHECK_EQUAL(error_of(read_java_store(encoded.substr(0, size), java_store_password)),
                    errc::invalid_config);
  CAF_CHECK_EQUAL(error_of(read_java_store(encoded, "wrong")), errc::invalid_config);
  // JKS: magic, version, count; tag, alias, date, kind, certificate; a digest.
  auto root = root_called("jks");
  unsigned char* der = nullptr;
  auto size = i2d_X509(root.get(), &der);
  std::string certificate{reinterpret_cast<const char*>(der), static_cast<size_t>(size)};
  OPENSSL_free(der);
  auto number = [](size_t value, int bytes) {
    std::string out;
    for (auto i = bytes - 1; i >= 0; --i)
      out += static_cast<char>(value >> (8 * i) & 255);
    return out;
  };
  auto one = number(5, 2) + "X.509" + number(certificate.size(), 4) + certificate;
  auto jks = "\xfe\xed\xfe\xed" + number(2, 4) + number(2, 4) + number(1, 4) + number(1, 2) + "k" +
             number(0, 8) + number(3, 4) + "key" + number(1, 4) + one + number(2, 4) +
             number(1, 2) + "t" + number(0, 8) + one;
  auto found = unbox(read_java_store(jks + std::string(20, 'd'), "any"));
  CAF_REQUIRE_EQUAL(found.size(), 1u);
  CAF_CHECK_EQUAL(pem_of(*found[0]), pem_of(*root));
  for (size_t length = 4; length < jks.size(); ++length)
    CAF_CHECK_EQUAL(error_of(read_java_store(jks.substr(0, length), "any")), errc::invalid_config);
  auto many = jks;
  many.replace(8, 4, "\xff\xff\xff\xff");
  CAF_CHECK_EQUAL(error_of(read_java_store(many, "any")), errc::invalid_config);
  write(folder / "own.jks", jks);
  sources.named = {{"JAVA", folder / "own.jks", "any"}, {"JAVA", folder / "roots.pem", "any"}};
  CAF_CHECK_EQUAL(bundle(), a + b + pem_of(*root) + ca->pem());
  CAF_CHECK(has_note("neither PKCS #12 nor JKS"));
}

CAF_TEST(Java takes the trust store where there is Java) {
  if (std::system("keytool -help >/dev/null 2>&1") != 0)
    return;
  write(folder / "roots.pem", a + b);
  sources.platform.files = {folder / "roots.pem"};
  (void)bundle();
  auto list = folder / "list";
  auto command = "keytool -list -keystore '" + paths.java_store + "' -storepass " +
                 java_store_password + " >'" + list + "' 2>&1";
  CAF_CHECK_EQUAL(std::system(command.c_str()), 0);
  auto said = content_of(list);
  CAF_CHECK(contains(said, "contains 3 entries"));
  CAF_CHECK(contains(said, "codex-network-proxy"));
  size_t entries = 0;
  for (auto at = said.find("trustedCertEntry"); at != std::string::npos;
       at = said.find("trustedCertEntry", at + 1))
    ++entries;
  CAF_CHECK_EQUAL(entries, 3u);
}

CAF_TEST_FIXTURE_SCOPE_END()
