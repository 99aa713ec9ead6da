// SPDX-License-Identifier: Apache-2.0
// Reads sysfs, the lists of kernel functions, and ELF files; see capture_parts.h.
#include <algorithm>
#include <charconv>
#include <unistd.h>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "base/near.h"
#include "elf/archive.h"
#include "elf/find_function.h"
#include "elf/usdt.h"
#include "loader/capture_parts.h"
#include "loader/find_file.h"
#include "loader/kernel_functions.h"

namespace bpfld::loader {
namespace {

constexpr u64 kMaxBinary = u64{2} << 30;
constexpr u64 kMaxNames = u64{64} << 20;

template <typename T>
std::optional<T> number_in(const std::string& path, std::string_view before = {}) {
  const Result<std::string> text = read_text(path);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  if (!rest.starts_with(before)) return std::nullopt;
  rest.remove_prefix(before.size());
  T value{};
  const std::from_chars_result done =
      std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return done.ec == std::errc() ? std::optional<T>(value) : std::nullopt;
}

// Documentation/ABI/testing/sysfs-bus-event_source-devices-format: "config:0", "config:32-63".
PmuFact find_pmu(const std::string& name) {
  const std::string folder = "/sys/bus/event_source/devices/" + name;
  PmuFact fact;
  fact.type = number_in<u32>(folder + "/type");
  fact.return_bit = number_in<u32>(folder + "/format/retprobe", "config:").value_or(0);
  fact.semaphore_shift = number_in<u32>(folder + "/format/ref_ctr_offset", "config:");
  if (fact.return_bit > 63) fact.type.reset();
  if (fact.semaphore_shift > 63u) fact.semaphore_shift.reset();
  for (const char* root : {"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"})
    if (::access((root + name + "_events").c_str(), W_OK) == 0) fact.in_tracefs = true;
  return fact;
}

// What is wrong with `file`, or with what was looked for in it, and the near names of the error.
template <typename Fact>
void set_problem(Fact& fact, const Error& error, const std::string& file) {
  fact.problem = format("{}: {}", escape_terminal(file), error.message());
  fact.errno_value = 0;
  if (!error.detail.starts_with(kDidYouMean)) return;
  std::string_view list = std::string_view(error.detail).substr(kDidYouMean.size());
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(", "));
    fact.near.emplace_back(word);
    list.remove_prefix(std::min(list.size(), word.size() + 2));
  }
}

// The bytes of an executable and of the file that it is in: by itself, or as a member of an archive
// ("/data/app.apk!/lib/libfoo.so").
struct BinaryFile {
  std::string path;   // of the file
  std::string shown;  // with the member
  std::vector<std::byte> file;
  u64 start = 0;  // of the executable, bytes in the file
  Bytes bytes;
};

Result<BinaryFile> read_binary(const std::string& name, u32 pid) {
  const std::optional<elf::MemberName> member = elf::split_member(name);
  BinaryFile out;
  out.path = TRY(find_file(member ? member->archive : std::string_view(name), pid));
  out.shown = out.path;
  out.file = TRY(read_file(out.path, kMaxBinary));
  out.bytes = out.file;
  if (!member) return out;
  out.shown += "!/" + std::string(member->member);
  const elf::Member found = TRY(with_context(elf::find_member(out.file, member->member),
                                             [&] { return escape_terminal(out.path); }));
  out.start = found.offset;
  out.bytes = found.data;
  return out;
}

struct Binary : BinaryFile {
  elf::Executable executable;
};

// What a place is in, and its path in the fact; empty with the fact's problem.
template <typename Place, typename Fact>
std::optional<Binary> open_binary(const Place& place, Fact& fact) {
  Result<BinaryFile> file = read_binary(place.file, place.pid);
  if (!file) {
    set_problem(fact, file.error(), place.file);
    return std::nullopt;
  }
  fact.path = file->path;
  Result<elf::Executable> executable = elf::Executable::parse(file->bytes);
  if (!executable) {
    set_problem(fact, executable.error(), file->shown);
    return std::nullopt;
  }
  return Binary{*std::move(file), *std::move(executable)};
}

BinaryFact find_function(const BinaryPlace& place) {
  BinaryFact fact;
  const std::optional<Binary> binary = open_binary(place, fact);
  if (!binary) return fact;
  const Result<elf::FunctionPlace> function =
      elf::find_function(binary->executable, place.function);
  if (function)
    fact.offsets.push_back(binary->start + function->file_offset);
  else
    set_problem(fact, function.error(), binary->shown);
  return fact;
}

BinaryFact find_matching_functions(const BinaryPlace& place) {
  BinaryFact fact;
  const std::optional<Binary> binary = open_binary(place, fact);
  if (!binary) return fact;
  const Result<std::vector<elf::FunctionPlace>> functions =
      elf::match_functions(binary->executable, place.function);
  if (!functions) {
    set_problem(fact, functions.error(), binary->shown);
    return fact;
  }
  for (const elf::FunctionPlace& function : *functions)
    fact.offsets.push_back(binary->start + function.file_offset);
  if (fact.offsets.empty())
    fact.problem = format("{}: no function matches \"{}\"", escape_terminal(binary->shown),
                          escape_terminal(place.function));
  return fact;
}

std::vector<std::string> near_probes(const std::vector<elf::UsdtProbe>& notes,
                                     const UsdtPlace& place) {
  std::vector<std::string> names;
  for (const elf::UsdtProbe& note : notes)
    names.push_back(format("{}:{}", note.provider, note.name));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return near_names(place.provider + ":" + place.name, names);
}

// The probe's places in the file; where they are in the memory of the process when one is named.
void add_sites(const Binary& binary, const std::vector<elf::UsdtProbe>& notes,
               const UsdtPlace& place, UsdtFact& fact) {
  for (const elf::UsdtProbe& note : notes) {
    if (note.provider != place.provider || note.name != place.name) continue;
    // A place without bytes in the file cannot be probed, nor can one with such a semaphore.
    if (!note.file_offset || (note.semaphore != 0 && !note.semaphore_offset)) continue;
    UsdtSite site;
    site.offset = binary.start + *note.file_offset;
    site.arguments = note.arguments;
    if (note.semaphore_offset) site.semaphore = binary.start + *note.semaphore_offset;
    if (!binary.executable.is_relocatable())
      site.address = note.address;
    else if (place.pid != 0)
      site.address = mapped_address(place.pid, fact.path, site.offset).value_or(0);
    fact.sites.push_back(std::move(site));
  }
}

UsdtFact find_usdt(const UsdtPlace& place) {
  UsdtFact fact;
  const std::optional<Binary> binary = open_binary(place, fact);
  if (!binary) return fact;
  fact.machine = binary->executable.machine();
  const Result<std::vector<elf::UsdtProbe>> notes = elf::read_usdt(binary->executable);
  if (!notes) {
    set_problem(fact, notes.error(), binary->shown);
    return fact;
  }
  add_sites(*binary, *notes, place, fact);
  if (fact.sites.empty()) {
    fact.problem = format("{}: it has {}probe {}:{}", escape_terminal(binary->shown),
                          notes->empty() ? "no USDT probes, so no " : "no ",
                          escape_terminal(place.provider), escape_terminal(place.name));
    fact.near = near_probes(*notes, place);
  }
  return fact;
}

FunctionsFact names_that_match(std::string_view names, const std::string& glob) {
  FunctionsFact fact;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('\n'));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    if (!name.empty() && glob_matches(glob, name)) fact.names.emplace_back(name);
  }
  return fact;
}

void find_saved_functions(const std::vector<std::string>& globs, const std::string& path,
                          KernelProfile& profile) {
  const Result<std::string> names = read_text(path, kMaxNames);
  for (const std::string& glob : globs) {
    FunctionsFact fact;
    if (names)
      fact = names_that_match(*names, glob);
    else
      fact.problem = names.error().message();
    profile.functions.emplace(glob, std::move(fact));
  }
}

void find_functions(const std::vector<std::string>& globs, KernelProfile& profile) {
  const Result<KernelFunctions> functions = KernelFunctions::read();
  for (const std::string& glob : globs) {
    FunctionsFact fact;
    if (functions) {
      fact = functions->matching(glob);
    } else {
      fact.problem = text_without_errno(functions.error());
      fact.errno_value = functions.error().errno_value;
    }
    profile.functions.emplace(glob, std::move(fact));
  }
}

}  // namespace

void capture_probes(KernelProfile& profile, const Needs& needs, const CaptureOptions& options) {
  for (const std::string& name : needs.pmus)
    profile.pmus.emplace(name, find_pmu(name));
  if (!options.functions_path.empty())
    find_saved_functions(needs.function_globs, options.functions_path, profile);
  else if (!needs.function_globs.empty())
    find_functions(needs.function_globs, profile);
  for (const BinaryPlace& place : needs.binaries)
    profile.binaries.emplace(place, place.many && is_glob(place.function)
                                        ? find_matching_functions(place)
                                        : find_function(place));
  for (const UsdtPlace& place : needs.usdts)
    profile.usdts.emplace(place, find_usdt(place));
}

}  // namespace bpfld::loader
