// JSON over many lines, or all in one: what log stores and journalctl -o
// json-pretty export, what kubectl get -o json prints. Each record of it comes
// out as an object in one line.
#pragma once

#include <memory>
#include <string_view>

#include "logs/bytes.h"

namespace gpuward::logs {

// Whether a file that begins with `head` is such a document. An object in each
// line is none.
bool is_json_document(std::string_view head);

// A record is an element of an array, or an object that lies in nothing. Of a
// pair of a time and a line, as Loki has them, the labels around it belong to
// it. Records have the number of the line that they end in. What is no JSON
// after all, comes out as it is.
std::unique_ptr<Buffered> json_records(std::unique_ptr<Buffered> document);

}  // namespace gpuward::logs
