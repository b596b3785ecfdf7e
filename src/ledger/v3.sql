-- Whether the row's id is its own, or says only where it stood: its file and line. NULL in rows of earlier versions.
ALTER TABLE sample_text ADD COLUMN is_own_id INTEGER;
