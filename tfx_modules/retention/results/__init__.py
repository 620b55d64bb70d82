"""What runs have left for others, which retention removes by age alone: scores."""
