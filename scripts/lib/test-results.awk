# Reads a TRX file (one element a line, as `dotnet test --logger trx` writes it) and prints, tab-separated:
#   passed|failed|skipped  test name  message (newlines as \001)
# Used by scripts/test.

function attribute(line, name,    start, rest) {
  start = index(line, " " name "=\"")
  if (start == 0) return ""
  rest = substr(line, start + length(name) + 3)
  return text(substr(rest, 1, index(rest, "\"") - 1))
}

function text(s) {
  gsub(/&#xD;|\r/, "", s)
  gsub(/&#xA;/, "\001", s)
  gsub(/&lt;/, "<", s)
  gsub(/&gt;/, ">", s)
  gsub(/&quot;/, "\"", s)
  gsub(/&apos;/, "'", s)
  gsub(/&amp;/, "\\&", s)
  gsub(/\t/, "  ", s)
  return s
}

function finish() {
  if (outcome == "Passed") print "passed\t" test "\t"
  else if (outcome == "NotExecuted") print "skipped\t" test "\t" message
  else print "failed\t" test "\t" message
}

/<UnitTestResult / {
  test = attribute($0, "testName")
  outcome = attribute($0, "outcome")
  message = ""
  reading = 0
  if ($0 ~ /\/>[ \t\r]*$/) finish()
}

/<Message>/ && test != "" { reading = 1; sub(/^.*<Message>/, "") }

reading {
  line = $0
  if (sub(/<\/Message>.*$/, "", line)) reading = 0
  line = text(line)
  message = message == "" ? line : message "\001" line
}

/<\/UnitTestResult>/ { finish(); test = "" }
