"""What bulk reading must show: stops at any point, awkward PDFs, throughput, memory, and a model of stragglers."""
