# Reads a TRX file (one element a line, as `dotnet test --logger trx` writes it) and prints, tab-separated:
#   passed|failed|skipped  test name  message (newlines as \001)
# A failed test's message goes on with where it failed, and the last lines that the test wrote: a failure that does not
# come again can be found by nothing else. Used by scripts/test.

BEGIN { frames_shown = 4; lines_shown = 40; line_width = 300 }

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
  else print "failed\t" test "\t" message places written()
}

# The last lines that the test wrote.
function written(    i, all) {
  if (lines == 0) return ""
  all = lines > lines_shown ? "\001its last " lines_shown " lines of " lines ":" : "\001what it wrote:"
  for (i = lines > lines_shown ? lines - lines_shown + 1 : 1; i <= lines; i++) {
    all = all "\001  " substr(output[i % lines_shown], 1, line_width)
  }
  return all
}

/<UnitTestResult / {
  test = attribute($0, "testName")
  outcome = attribute($0, "outcome")
  message = places = ""
  reading = writing = lines = frames = 0
  if ($0 ~ /\/>[ \t\r]*$/) finish()
}

/<Message>/ && test != "" { reading = 1; sub(/^.*<Message>/, "") }

reading {
  line = $0
  if (sub(/<\/Message>.*$/, "", line)) reading = 0
  line = text(line)
  message = message == "" ? line : message "\001" line
}

/<StdOut>/ && test != "" { writing = 1; sub(/^.*<StdOut>/, "") }

writing {
  line = $0
  if (sub(/<\/StdOut>.*$/, "", line)) writing = 0
  if (line !~ /^[ \t\r]*$/) output[++lines % lines_shown] = text(line)
}

# A frame that has a source file is one of ours: "at Type.Method() in /path/File.cs:line 12".
/ in .*:line [0-9]+/ && test != "" && !writing && !reading && frames < frames_shown {
  line = text($0)
  sub(/^ *(<StackTrace>)? */, "", line)
  sub(/<\/StackTrace>.*$/, "", line)
  places = places "\001" line
  frames++
}

/<\/UnitTestResult>/ { finish(); test = "" }
