"""Facts about SHARP data: series, segments, keywords, T_REC, file names. No I/O."""
