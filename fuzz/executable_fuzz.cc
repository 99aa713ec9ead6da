// SPDX-License-Identifier: Apache-2.0
// Any bytes give functions and probes whose places lie in the file, or an error; the same bytes
// give the same.
#include <cstddef>

#include "elf/usdt.h"
#include "fuzz/require.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;

void require_inside(const Executable& executable, Bytes file) {
  for (const Segment& segment : executable.segments())
    fuzz::require(fits(file.size(), segment.file_offset, segment.file_size),
                  "a segment lies in the file");
  const Result<std::vector<FunctionSymbol>> functions = executable.functions();
  if (functions)
    for (const FunctionSymbol& function : *functions)
      fuzz::require(function.file_offset < file.size(), "a function lies in the file");
  const Result<std::vector<UsdtProbe>> probes = read_usdt(executable);
  if (!probes) {
    fuzz::require_good_error(probes.error());
    return;
  }
  for (const UsdtProbe& probe : *probes) {
    fuzz::require(!probe.file_offset || *probe.file_offset < file.size(), "a probe too");
    for (const UsdtArgument& argument : split_arguments(probe.arguments))
      fuzz::require(argument.place.size() <= probe.arguments.size(), "arguments are parts");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const Bytes file = std::as_bytes(std::span(data, size));
  const Result<Executable> executable = Executable::parse(file);
  if (!executable) {
    fuzz::require_good_error(executable.error());
    return 0;
  }
  require_inside(*executable, file);
  return 0;
}
