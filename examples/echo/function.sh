# Answers each event with itself.
handler() {
  local event=$1 # context=$2: the headers that came with it
  echo "$event"
}
