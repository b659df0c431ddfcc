"""What every folder may use: errors, paths, day ranges, code versions and process handling."""
