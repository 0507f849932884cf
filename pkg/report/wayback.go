package report

// wayBack is the line on what going back costs from here. A run that failed names the command instead.
func wayBack(d Document) string {
	if d.WayBack == "" {
		return ""
	}
	return "Way back: " + cell(d.WayBack) + "\n"
}
