// Stands in for libFuzzer where there is none: runs a target on the files of a corpus, and on what
// is left of them when they are cut short or one byte is another.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz.hpp"

namespace {

void run(const std::string& bytes) {
  // Memory that ends with the input, as libFuzzer gives it.
  std::vector<uint8_t> copy{bytes.begin(), bytes.end()};
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

void run_around(std::string bytes) {
  run(bytes);
  for (size_t at = 0; at < bytes.size(); ++at) {
    run(bytes.substr(0, at));
    for (char other : {'\0', '\n', '0', ' ', '\xff'}) {
      std::swap(bytes[at], other);
      run(bytes);
      std::swap(bytes[at], other);
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i)
    for (auto& entry : std::filesystem::directory_iterator{argv[i]}) {
      std::ifstream in{entry.path(), std::ios::binary};
      run_around({std::istreambuf_iterator<char>{in}, {}});
      ++files;
    }
  std::printf("%zu files\n", files);
  return files > 0 ? 0 : 1;
}
