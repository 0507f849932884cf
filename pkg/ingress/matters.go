package ingress

// Matters says whether an annotation has a say in how requests are answered, so that a change of it is a change of the
// Ingress. Marks of owners, notes of people and what external-dns and cert-manager read have none.
func Matters(key string) bool {
	do := treatmentOf(key)
	return do == carry || do == restore || do == refuse
}
