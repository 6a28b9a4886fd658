"""What a person sees of a sweep; reads recorded results only."""
