# The most memory that a program of a check takes; sourced by those that measure it.

# peak ARGUMENT..: KiB resident of nnrun, whose output is thrown away
peak() {
    command -v python3 > /dev/null || { echo "python3 is needed to measure"; exit 77; }
    python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$NNRUN" "$@"
}
