package text

const Text = "all"
