// The real device manager of Kubernetes, which admits pods against a plugin
// with and without `gpuward guard` before it, and against
// `gpuward device-plugin`. See ../README.md.
//
//	kubelet guard GPUWARD FOLDER [CASE]
//	kubelet device-plugin GPUWARD FOLDER SCENARIO   on that simulated node
//	kubelet plugin OPTION...                        a plugin for the first
//
// Each case is a line: pass WHAT, fail WHAT: why.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"k8s.io/klog/v2"
)

// check is one case: what holds, and what fails where it does not.
type check struct {
	what string
	run  func(*stand) error
}

func init() {
	// Children end with the thread that started them: let it be the main one.
	runtime.LockOSThread()
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		if err := runVendor(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "plugin:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kubelet:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 3 {
		return fmt.Errorf("usage: guard|device-plugin GPUWARD FOLDER [WHAT]")
	}
	role, gpuward, folder := arguments[0], arguments[1], arguments[2]
	only := strings.Join(arguments[3:], " ")
	stop, err := logInto(filepath.Join(folder, "kubelet.log"))
	if err != nil {
		return err
	}
	defer stop()
	switch role {
	case "guard":
		return runAll(guardChecks, gpuward, folder, only)
	case "device-plugin":
		checks, known := deviceChecks[only]
		if !known {
			return fmt.Errorf("no checks for the scenario %q", only)
		}
		return runNode(checks, gpuward, folder)
	}
	return fmt.Errorf("no such role: %s", role)
}

// logInto lets what a kubelet would log go into a file.
func logInto(path string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Parse([]string{"-logtostderr=false", "-alsologtostderr=false",
		"-stderrthreshold=FATAL"}); err != nil {
		return nil, err
	}
	klog.SetOutput(file)
	return klog.Flush, nil
}

// runAll gives each case a stand of its own.
func runAll(checks []check, gpuward, folder, only string) error {
	for i, each := range checks {
		if !strings.Contains(each.what, only) {
			continue
		}
		stand, err := newStand(gpuward, filepath.Join(folder, fmt.Sprint("case-", i+1)))
		if err != nil {
			return err
		}
		report(stand, each)
		if err := stand.close(); err != nil {
			return err
		}
	}
	return nil
}

func report(s *stand, one check) {
	err := one.run(s)
	if err != nil {
		text := strings.ReplaceAll(err.Error()+s.ended(), "\n", " ")
		fmt.Printf("fail %s: %s\n", one.what, text)
		return
	}
	fmt.Println("pass", one.what)
}
