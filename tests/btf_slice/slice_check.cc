// SPDX-License-Identifier: Apache-2.0
// `slice_check BTF OBJECT...`: each object's CO-RE relocations must have the same answers in the
// slice that is cut for it as in the whole BTF. Objects without BTF, or without such relocations,
// are counted but prove nothing.
#include <iostream>

#include "base/mapped_file.h"
#include "btf/core_resolve.h"
#include "btf/slice.h"
#include "elf/object.h"

namespace bpfld::btf {
namespace {

struct Totals {
  u64 objects = 0, relocations = 0, different = 0, slices = 0, slice_bytes = 0, largest = 0;
};

int fail_with(const std::string& message) {
  std::cerr << message << "\n";
  return 1;
}

// Ids are the slice's own, and what lost is not all kept.
bool same_answer(const core::Resolution& whole, const core::Resolution& part) {
  const bool is_id = whole.kind == CoreKind::type_id_target;
  return whole.verdict == part.verdict && whole.reason == part.reason &&
         (is_id || whole.target_value == part.target_value) &&
         whole.local_value == part.local_value && whole.local_size == part.local_size &&
         whole.target_size == part.target_size && whole.size_conflict == part.size_conflict &&
         whole.skip_old_value == part.skip_old_value && whole.winners == part.winners;
}

Status compare(const View& object, const View& kernel, std::span<const CoreRelo> relos,
               const std::string& path, Totals& totals) {
  Slicer slicer(kernel);
  TRY(slicer.keep_for(object, relos));
  const std::vector<std::byte> blob = TRY(slicer.build());
  const View part = TRY(View::parse(blob));
  TRY(part.validate());
  totals.slices++;
  totals.slice_bytes += blob.size();
  totals.largest = std::max<u64>(totals.largest, blob.size());
  const core::Target whole_target = {.view = &kernel, .name = "whole"};
  const core::Target part_target = {.view = &part, .name = "slice"};
  const std::vector<core::Resolution> expected =
      TRY(core::resolve(object, {&whole_target, 1}, relos));
  const std::vector<core::Resolution> actual = TRY(core::resolve(object, {&part_target, 1}, relos));
  for (std::size_t i = 0; i < relos.size(); i++) {
    totals.relocations++;
    if (same_answer(expected[i], actual[i])) continue;
    totals.different++;
    std::cerr << path << ":\n  "
              << core::describe(expected[i], relos[i], object, {&whole_target, 1}) << "\n  "
              << core::describe(actual[i], relos[i], object, {&part_target, 1}) << "\n";
  }
  return {};
}

Status check(const std::string& path, const View& kernel, Totals& totals) {
  const MappedFile file = TRY(MappedFile::open(path));
  const elf::Object object = TRY(elf::Object::parse(file.bytes()));
  const elf::Section* btf = object.find_section(".BTF");
  const elf::Section* extra = object.find_section(".BTF.ext");
  totals.objects++;
  if (btf == nullptr || extra == nullptr) return {};
  const View local = TRY(View::parse(btf->data));
  const Ext ext = TRY(Ext::parse(extra->data, local));
  std::vector<CoreRelo> relos;
  for (const SectionRecords<CoreRelo>& section : ext.core)
    relos.insert(relos.end(), section.records.begin(), section.records.end());
  return relos.empty() ? Status() : compare(local, kernel, relos, path, totals);
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return fail_with("usage: slice_check BTF OBJECT...");
  const Result<MappedFile> file = MappedFile::open(arguments[0]);
  if (!file) return fail_with(file.error().message());
  const Result<View> kernel = View::parse(file->bytes());
  if (!kernel) return fail_with(kernel.error().message());
  Totals totals;
  for (std::size_t i = 1; i < arguments.size(); i++) {
    const Status status = check(arguments[i], *kernel, totals);
    if (status) continue;
    totals.different++;
    std::cerr << arguments[i] << ": " << status.error().message() << "\n";
  }
  std::cout << totals.objects << " objects, " << totals.relocations << " relocations, "
            << totals.different << " differ; " << totals.slices << " slices of "
            << totals.slice_bytes / std::max<u64>(totals.slices, 1) << " bytes on average, "
            << totals.largest << " at most\n";
  return totals.different == 0 && totals.relocations > 0 ? 0 : 1;
}

}  // namespace
}  // namespace bpfld::btf

int main(int argc, char** argv) {
  return bpfld::btf::run({argv + 1, argv + argc});
}
