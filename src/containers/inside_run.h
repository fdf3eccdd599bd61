// Starts the child of inside.cpp, waits for it and ends it; never waits for one
// that does not end.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "containers/inside_child.h"
#include "host/root.h"

namespace gpuward::containers::inside {

// Memory that this process and its child share.
class SharedReport {
 public:
  static Result<SharedReport> make();
  ~SharedReport();
  SharedReport(SharedReport&& other) noexcept;
  SharedReport& operator=(SharedReport&&) = delete;

  Report& operator*() const { return *report_; }
  Report* operator->() const { return report_; }

 private:
  explicit SharedReport(Report* report) : report_(report) {}
  Report* report_;
};

// False where it was still at work at the deadline: what stands in the report
// by then holds. `assignment.pipe` is set here.
Result<bool> run(Assignment assignment, SharedReport& report, Millis patience);

// The task of an earlier run by this thread under that name that has not come
// back; 0 where there is none. Reaps those that have.
int left_behind(const host::Root& self, const std::string& name);

}  // namespace gpuward::containers::inside
