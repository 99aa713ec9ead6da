// SPDX-License-Identifier: Apache-2.0
// Golden files: tests/golden/<name>.txt holds what is expected, and is reviewed like code. With
// UPDATE_GOLDEN=1 in the environment the files are written instead of compared.
#pragma once

#include <string>

namespace bpfld::test {

// Compares `text` with the file; a difference fails the test and shows the first lines that differ.
void check_golden(const std::string& name, const std::string& text);
// The same for any file, by its path from the project's root.
void check_file(const std::string& path, const std::string& text);

// "examples/execsnoop/execsnoop.bpf.o" -> its path below the build directory.
std::string built_object(const std::string& name);

}  // namespace bpfld::test
