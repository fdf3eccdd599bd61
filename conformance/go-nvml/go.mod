module gpuward/conformance

go 1.19

require github.com/NVIDIA/go-nvml v0.12.9-0
