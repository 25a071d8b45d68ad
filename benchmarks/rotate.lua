-- Posts the bodies of a file in turn (one JSON object a line), and prints one line of JSON about the round.
-- Arguments: the file, then headers ("Name: value").
local bodies, place = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for number = 2, #arguments do
    local name, value = arguments[number]:match("^([^:]+):%s*(.*)$")
    wrk.headers[name] = value
  end
  for number, body in ipairs(bodies) do bodies[number] = wrk.format(nil, nil, nil, body) end
end

function request()
  place = place % #bodies + 1
  return bodies[place]
end

function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "refused": %d, "lost": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
