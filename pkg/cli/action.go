package cli

const postName = "cutover-post"

type action struct{}
