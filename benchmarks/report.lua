-- What wrk found, as one line of JSON: times in seconds and milliseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   local broken = errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format(
      '\n{"requests": %d, "seconds": %.6f, "p50": %.4f, "p99": %.4f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors.status, broken))
end
