digraph {
    "a-0"
    "a-1"
}
