// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: over the committed corpus in every test run, and, with
// --mutate, over every truncation and every single-byte change (^0xff, ^1, ^0x80, 0) of each file.
//
//   elf_replay [--mutate] FILE-OR-DIRECTORY...
//
// A directory stands for the files below it, in name order; one that does not exist, for none.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/mapped_file.h"

extern "C" int LLVMFuzzerTestOneInput(const bpfld::u8* data, std::size_t size);

namespace {

using namespace bpfld;

// A copy of exactly these bytes, so that a sanitizer sees a read past the end.
void run(Bytes input) {
  const std::vector<std::byte> copy(input.begin(), input.end());
  LLVMFuzzerTestOneInput(reinterpret_cast<const u8*>(copy.data()), copy.size());
}

u64 mutate(const std::vector<std::byte>& file) {
  u64 inputs = 0;
  std::vector<std::byte> changed = file;
  for (std::size_t at = 0; at < file.size(); at++) {
    run(Bytes(file).first(at));
    const u8 old = static_cast<u8>(file[at]);
    for (const int value : {old ^ 0xff, old ^ 1, old ^ 0x80, 0}) {
      changed[at] = static_cast<std::byte>(value);
      run(changed);
    }
    changed[at] = file[at];
    inputs += 5;
  }
  return inputs;
}

std::vector<std::string> files_below(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path.string()};
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  bool mutations = false;
  u64 inputs = 0;
  u64 file_count = 0;
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--mutate") == 0) {
      mutations = true;
      continue;
    }
    if (!std::filesystem::exists(argv[i])) continue;
    for (const std::string& path : files_below(argv[i])) {
      const Result<std::vector<std::byte>> file = read_file(path);
      if (!file) {
        std::fprintf(stderr, "%s: %s\n", path.c_str(), file.error().message().c_str());
        return 1;
      }
      run(*file);
      inputs += mutations ? mutate(*file) + 1 : 1;
      file_count++;
    }
  }
  std::printf("%llu files, %llu inputs\n", static_cast<unsigned long long>(file_count),
              static_cast<unsigned long long>(inputs));
  return 0;
}
