"""What happens to a picture on paper, in the scanner and in the codec."""
